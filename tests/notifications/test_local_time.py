"""A person's hour, on the days when clocks are changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifications.local_time import morning_of, next_moment

# (zone, hour, a moment some hours before, the local wall clock of the next three digests)
CHANGES = [
    # Forward at 2:00 in the night to Sunday: 2:00 is skipped, and counts as 3:00.
    ("Europe/Paris", 2, "2026-03-27T12:00", ["28 02:00 +0100", "29 03:00 +0200", "30 02:00 +0200"]),
    ("Europe/Paris", 8, "2026-03-27T12:00", ["28 08:00 +0100", "29 08:00 +0200", "30 08:00 +0200"]),
    # Back at 3:00: 2:00 comes twice, and counts once.
    ("Europe/Paris", 2, "2026-10-23T12:00", ["24 02:00 +0200", "25 02:00 +0200", "26 02:00 +0100"]),
    ("Europe/Paris", 8, "2026-10-23T12:00", ["24 08:00 +0200", "25 08:00 +0100", "26 08:00 +0100"]),
    # Brazil changed at midnight, for the last time in 2019: a Sunday without its first hour.
    (
        "America/Sao_Paulo",
        0,
        "2018-11-02T12:00",
        ["03 00:00 -0300", "04 01:00 -0200", "05 00:00 -0200"],
    ),
    # Back at midnight: the last hour of Saturday comes twice.
    (
        "America/Sao_Paulo",
        23,
        "2019-02-15T12:00",
        ["15 23:00 -0200", "16 23:00 -0200", "17 23:00 -0300"],
    ),
    (
        "America/Sao_Paulo",
        8,
        "2026-10-16T12:00",
        ["17 08:00 -0300", "18 08:00 -0300", "19 08:00 -0300"],
    ),
    # India has one time, half an hour beside the others.
    ("Asia/Kolkata", 8, "2026-03-28T12:00", ["29 08:00 +0530", "30 08:00 +0530", "31 08:00 +0530"]),
    # Chatham changes at 2:45, by three quarters of an hour beside New Zealand.
    (
        "Pacific/Chatham",
        3,
        "2026-09-25T12:00",
        ["26 03:00 +1245", "27 04:00 +1345", "28 03:00 +1345"],
    ),
    (
        "Pacific/Chatham",
        3,
        "2026-04-03T12:00",
        ["04 03:00 +1345", "05 03:00 +1345", "06 03:00 +1245"],
    ),
    (
        "Pacific/Chatham",
        8,
        "2026-04-03T12:00",
        ["04 08:00 +1345", "05 08:00 +1245", "06 08:00 +1245"],
    ),
]


@pytest.mark.parametrize(("name", "hour", "start", "expected"), CHANGES)
def test_each_local_day_has_one(name, hour, start, expected):
    zone, moment, found = ZoneInfo(name), datetime.fromisoformat(start).replace(tzinfo=UTC), []
    for _ in expected:
        moment = next_moment(moment, zone, hour)
        found.append(moment.astimezone(zone).strftime("%d %H:%M %z"))
    assert found == expected


@pytest.mark.parametrize("name", sorted({row[0] for row in CHANGES}))
@pytest.mark.parametrize("hour", [0, 2, 3, 8, 23])
def test_a_year_has_a_digest_each_day_whenever_one_asks(name, hour):
    zone = ZoneInfo(name)
    moment, days = datetime(2018, 6, 1, tzinfo=UTC), []
    for _ in range(366):
        moment = next_moment(moment, zone, hour)
        days.append(moment.astimezone(zone).date())
    assert days == sorted(set(days))
    assert days[-1] - days[0] == timedelta(days=365)


def test_a_weekly_one_comes_on_its_day():
    paris = ZoneInfo("Europe/Paris")
    moment = next_moment(datetime(2026, 3, 23, 12, tzinfo=UTC), paris, 8, weekday=6)
    assert moment.astimezone(paris).isoformat() == "2026-03-29T08:00:00+02:00"
    assert next_moment(moment, paris, 8, weekday=6) - moment == timedelta(days=7)


def test_the_first_hour_of_a_day_comes_after_its_morning():
    zone = ZoneInfo("America/Sao_Paulo")
    morning = morning_of(datetime(2018, 11, 4).date(), zone)
    assert next_moment(morning, zone, 0).astimezone(zone).isoformat().startswith("2018-11-04T01")


def test_a_zone_that_is_gone_is_utc(django_user_model):
    assert django_user_model(time_zone="Mars/Olympus").zone.key == "UTC"
