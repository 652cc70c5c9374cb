"""Outcomes over time: one bar a minute, an hour or a day, whichever fits."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import CharField, Count, Func
from django.utils import timezone
from django.utils.translation import gettext as _

from mailroom.models.delivery import DeliveryQuerySet
from mailroom.status.chart import STATES, STEP, Bar, bars

MOST_BARS = 60
FEWEST = 24  # as wide as that: a single bar would fill the page

Volumes = dict[datetime, Counter[str]]


class Minute(Func):
    """The minute of a time in UTC, as text: half a million of them in a fraction of a second.

    Django's Trunc calls Python for each row on SQLite.
    """

    output_field = CharField()
    template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="substr(%(expressions)s, 1, 16)")


@dataclass(frozen=True)
class Chart:
    """bars: what to draw. counts: the same in numbers, moments without any left out."""

    bars: list[Bar]
    counts: list[tuple[datetime, Counter[str]]]
    unit: str

    @property
    def highest(self) -> int:
        """Emails of the tallest bar: the top of the axis."""
        return max((sum(counts.values()) for _moment, counts in self.counts), default=0)

    @property
    def width(self) -> int:
        return max(FEWEST, len(self.bars)) * STEP


def chart(deliveries: DeliveryQuerySet) -> Chart:
    """The chart of some deliveries, in the active time zone; one query."""
    ended = deliveries.filter(state__in=STATES, finished_at__isnull=False).order_by()
    rows = ended.values_list(Minute("finished_at"), "state").annotate(Count("pk"))
    minutes: Volumes = {}
    for text, state, number in rows:
        moment = timezone.localtime(datetime.fromisoformat(text).replace(tzinfo=UTC))
        minutes.setdefault(moment, Counter())[state] += number
    if not minutes:
        return Chart([], [], "")
    unit, step, parts = _unit(max(minutes) - min(minutes))
    volumes = _by(minutes, parts)
    moments = _moments(min(volumes), max(volumes), step)
    return Chart(bars(volumes, moments), sorted(volumes.items()), unit)


def _unit(span: timedelta) -> tuple[str, timedelta, dict[str, int]]:
    if span < timedelta(minutes=MOST_BARS):
        return _("minute"), timedelta(minutes=1), {"second": 0}
    if span < timedelta(hours=MOST_BARS):
        return _("hour"), timedelta(hours=1), {"minute": 0}
    return _("day"), timedelta(days=1), {"hour": 0, "minute": 0}


def _by(minutes: Volumes, parts: dict[str, Any]) -> Volumes:
    volumes: Volumes = {}
    for moment, counts in minutes.items():
        volumes.setdefault(moment.replace(**parts), Counter()).update(counts)
    return volumes


def _moments(first: datetime, last: datetime, step: timedelta) -> list[datetime]:
    """From the first bar to the last, those without any mail too."""
    number = min(MOST_BARS, round((last - first) / step) + 1)
    return [first + step * further for further in range(number)]
