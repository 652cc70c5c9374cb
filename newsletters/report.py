"""What became of an issue's mails, counted from the outbox in a fixed number of queries."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.db.models.functions import TruncDay, TruncHour, TruncMinute
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from mailroom.models import Delivery
from mailroom.models.delivery import DeliveryQuerySet
from mailroom.status.chart import STATES, STEP, Bar, bars
from newsletters.models import Issue, Subscription

State, Feedback = Delivery.State, Delivery.Feedback
UNSUBSCRIBED = "unsubscribed"
PAGE = 50
MOST_BARS = 60


@dataclass
class Report:
    issue: Issue

    @cached_property
    def _counted(self) -> list[tuple[str, str, int]]:
        rows = deliveries(self.issue).order_by().values_list("state", "feedback")
        return list(rows.annotate(Count("pk")))

    def _sum(self, state: str = "", feedback: str = "") -> int:
        return sum(
            number
            for one, told, number in self._counted
            if state in ("", one) and feedback in ("", told)
        )

    @cached_property
    def figures(self) -> list[tuple[str, str, int, float | None]]:
        """What to show by, its label, how many, and which part of those accepted (in per cent)."""
        accepted = self._sum(State.SENT)
        plain = [(state.value, str(state.label), self._sum(state), None) for state in OUTCOMES]
        told = [(one.value, str(one.label), self._sum(feedback=one)) for one in Feedback]
        later = [*told, (UNSUBSCRIBED, _("unsubscribed"), self.unsubscribed)]
        return [
            (State.SENT.value, _("accepted"), accepted, None),
            *((key, label, n, 100 * n / accepted if accepted else None) for key, label, n in later),
            *plain,
        ]

    @cached_property
    def unsubscribed(self) -> int:
        """Who left by a link of this very issue."""
        return left_by(self.issue).count()

    @property
    def uncertain(self) -> int:
        return self._sum(State.UNCERTAIN)

    @property
    def failed(self) -> int:
        return self._sum(State.FAILED)

    @property
    def is_told(self) -> bool:
        """True once the provider said something of any of them."""
        return any(told for _state, told, _number in self._counted)

    @cached_property
    def skipped(self) -> list[tuple[str, int]]:
        """Why some were left out, and how many for each reason."""
        rows = deliveries(self.issue).filter(state=State.SKIPPED).order_by()
        counted = rows.values_list("reason").annotate(number=Count("pk"))
        return [(_(reason), number) for reason, number in counted.order_by("-number")]

    @cached_property
    def chart(self) -> "Chart":
        return Chart.of(self.issue)


OUTCOMES = (State.FAILED, State.UNCERTAIN, State.SKIPPED, State.QUEUED)


@dataclass(frozen=True)
class Chart:
    """Outcomes over time: one bar a minute, an hour or a day, whichever fits."""

    bars: list[Bar]
    counts: list[tuple[datetime, dict[str, int]]]
    unit: str

    @property
    def width(self) -> int:
        return max(1, len(self.bars)) * STEP

    @classmethod
    def of(cls, issue: Issue) -> "Chart":
        ended = deliveries(issue).filter(state__in=STATES, finished_at__isnull=False).order_by()
        first = ended.aggregate(first=Min("finished_at"))["first"]
        if first is None:
            return cls([], [], "")
        last = issue.sent_at or timezone.now()
        unit, step, trunc = _unit(last - first)
        volumes: dict[datetime, dict[str, int]] = {}
        rows = ended.values_list(trunc("finished_at"), "state").annotate(Count("pk"))
        for moment, state, number in rows:
            volumes.setdefault(moment, {})[state] = number
        return cls(bars(volumes, _moments(volumes, step)), sorted(volumes.items()), unit)


def _unit(span: timedelta) -> tuple[str, timedelta, Callable[[str], Any]]:
    if span < timedelta(minutes=MOST_BARS):
        return _("minute"), timedelta(minutes=1), TruncMinute
    if span < timedelta(hours=MOST_BARS):
        return _("hour"), timedelta(hours=1), TruncHour
    return _("day"), timedelta(days=1), TruncDay


def _moments(volumes: Mapping[datetime, Any], step: timedelta) -> list[datetime]:
    """From the first bar to the last, those without any mail too."""
    first, last = min(volumes), max(volumes)
    number = min(MOST_BARS, round((last - first) / step) + 1)
    return [first + step * back for back in range(number)]


# -- Recipients -------------------------------------------------------------------------------


def deliveries(issue: Issue) -> DeliveryQuerySet:
    """All that belongs to an issue; nothing before it was published."""
    everything = Delivery.objects.all()
    return everything.filter(message=issue.message_id) if issue.message_id else everything.none()


def left_by(issue: Issue) -> QuerySet[Subscription]:
    """The subscriptions that ended by a mail of this issue."""
    left = issue.newsletter.subscriptions.filter(state=Subscription.State.UNSUBSCRIBED)
    return left.filter(left_by__message=issue.message_id) if issue.message_id else left.none()


def recipients(issue: Issue, show: str = "", search: str = "") -> DeliveryQuerySet:
    """Who is to be shown, by address. show: a state, a feedback or `unsubscribed`; "" for all."""
    rows = deliveries(issue).order_by("address")
    if show in State:
        rows = rows.filter(state=show)
    elif show in Feedback:
        rows = rows.filter(feedback=show)
    elif show == UNSUBSCRIBED:
        rows = rows.filter(pk__in=left_by(issue).values("left_by"))
    return rows.filter(address__icontains=search) if search else rows


def page_of(rows: DeliveryQuerySet, after: str) -> tuple[list[Delivery], str]:
    """The next rows after an address, and the address to go on from; "" at the end.

    Going on from a key costs the same on the first page and on the ten-thousandth.
    """
    if after:
        rows = rows.filter(address__gt=after)
    found = list(rows.defer("values")[: PAGE + 1])
    return found[:PAGE], found[PAGE - 1].address if len(found) > PAGE else ""


def as_rows(rows: DeliveryQuerySet) -> Iterator[list[Any]]:
    """The same for a file, read from the database as it is written."""
    yield ["address", "name", "state", "reason", "error", "feedback", "mailer", "finished_at"]
    columns = ("address", "name", "state", "reason", "error", "feedback", "alias", "finished_at")
    for row in rows.values_list(*columns).iterator(2000):
        yield [*row[:-1], row[-1].isoformat() if row[-1] else ""]
