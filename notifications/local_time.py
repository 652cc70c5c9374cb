"""Moments on a person's own clock, summer time and its changes included."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def next_moment(after: datetime, zone: ZoneInfo, hour: int, weekday: int | None = None) -> datetime:
    """The first moment later than `after` at which a local clock shows the hour, in UTC.

    after: aware. hour: 0 to 23. weekday: 0 (Monday) to 6, or None for any day.

    Each local day has one such moment. An hour that the clock shows twice counts the first time;
    one that it skips counts as much later as the clock was put forward (PEP 495, `fold=0`).
    """
    day = after.astimezone(zone).date()
    while True:
        moment = datetime.combine(day, time(hour), zone).astimezone(UTC)
        if moment > after and weekday in {None, day.weekday()}:
            return moment
        day += timedelta(days=1)


def morning_of(day: date, zone: ZoneInfo) -> datetime:
    """The moment before a local day begins: the first hour of the day comes after it."""
    return datetime.combine(day, time(), zone).astimezone(UTC) - timedelta(microseconds=1)
