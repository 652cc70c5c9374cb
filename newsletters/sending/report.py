"""What became of an issue's mails, counted from the outbox in a fixed number of queries."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import CharField, Count, Func, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from mailroom.models import Delivery, Event
from mailroom.models.delivery import DeliveryQuerySet
from mailroom.status.chart import CHART_STATES, STEP, Bar, bars
from newsletters.models import Issue, Subscription

State, Feedback = Delivery.State, Delivery.Feedback
UNSUBSCRIBED = "unsubscribed"
ATTENTION = "attention"
DELIVERIES_A_PAGE = 50


@dataclass
class IssueReport:
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
        """What to show by, its label, how many, and the share in per cent.

        Delivered and bounced are shares of the accepted; complained and unsubscribed of the
        delivered, or of the accepted where the provider does not report deliveries.
        """
        accepted = self._sum(State.SENT)
        early = (Feedback.DELIVERED.value, Feedback.BOUNCED.value)
        plain = [(state.value, str(state.label), self._sum(state), None) for state in LISTED_STATES]
        told = [(one.value, str(one.label), self._sum(feedback=one)) for one in Feedback]
        later = [*told, (UNSUBSCRIBED, _("unsubscribed"), self.unsubscribed)]
        return [
            (State.SENT.value, _("accepted"), accepted, None),
            *(
                (k, label, n, _share(n, accepted if k in early else self.base))
                for k, label, n in later
            ),
            *plain,
        ]

    @cached_property
    def base(self) -> int:
        """How many arrived, as far as is known: a complaint takes the place of "delivered"."""
        arrived = self._sum(feedback=Feedback.DELIVERED) + self._sum(feedback=Feedback.COMPLAINED)
        return arrived if self._sum(feedback=Feedback.DELIVERED) else self._sum(State.SENT)

    @cached_property
    def bounces(self) -> list[tuple[str, int]]:
        """Why emails bounced, and how many for each reason, the most frequent first."""
        bounced = deliveries(self.issue).filter(feedback=Feedback.BOUNCED)
        kinds = (Event.Kind.HARD_BOUNCE, Event.Kind.SOFT_BOUNCE, Event.Kind.REJECTED)
        events = Event.objects.filter(delivery__in=bounced.values("pk"), kind__in=kinds)
        rows = events.order_by("delivery", "happened_at", "pk")
        told = rows.values_list("delivery", "kind", "description").iterator()
        # The last event of a delivery counts.
        reasons = {delivery: _bounce_reason(kind, words) for delivery, kind, words in told}
        counted = Counter(reasons.values())
        if unknown := self._sum(feedback=Feedback.BOUNCED) - counted.total():
            counted[_("no reason given")] += unknown
        return counted.most_common()

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
        """Outcomes over time, in the time zone of who looks."""
        return chart(deliveries(self.issue))


def _share(number: int, whole: int) -> float | None:
    return 100 * number / whole if whole else None


_STATUS = re.compile(r"\b[245]\.(\d{1,3})\.(\d{1,3})\b")


def _bounce_reason(kind: str, words: str) -> str:
    """A reason to count by, from an enhanced status code in the provider's words (RFC 3463)."""
    match _STATUS.search(words):
        case None:
            return str(Event.Kind(kind).label)
        case found if found.groups() in (("1", "2"), ("1", "10")):
            return _("domain does not exist or takes no email")
        case found if found[1] == "1":
            return _("address does not exist")
        case found if found.groups() == ("2", "2"):
            return _("mailbox full")
        case found if found[1] == "2":
            return _("mailbox not available")
        case found if found[1] == "7":
            return _("refused as spam or by policy")
        case found if found[1] in ("3", "4", "5"):
            return _("mail server not reachable or out of order")
        case found if found[1] == "6":
            return _("content refused")
    return str(Event.Kind(kind).label)


LISTED_STATES = (State.FAILED, State.UNCERTAIN, State.SKIPPED, State.QUEUED)


# -- Recipients -------------------------------------------------------------------------------


def deliveries(issue: Issue) -> DeliveryQuerySet:
    """All that belongs to an issue; nothing before it was published."""
    everything = Delivery.objects.all()
    return everything.filter(message=issue.message_id) if issue.message_id else everything.none()


def left_by(issue: Issue) -> QuerySet[Subscription]:
    """The subscriptions that ended by a mail of this issue."""
    left = issue.newsletter.subscriptions.filter(state=Subscription.State.UNSUBSCRIBED)
    return left.filter(left_by__message=issue.message_id) if issue.message_id else left.none()


# As in the index of the unique constraint, which the order and the pages are read from.
ADDRESS_KEY = Coalesce("address_key", "address")


def recipients(issue: Issue, show: str = "", search: str = "") -> DeliveryQuerySet:
    """Who is to be shown, by address.

    show: a state, a feedback, `unsubscribed`, or `attention` for all that went wrong; "" for all.
    """
    rows = deliveries(issue).annotate(key=ADDRESS_KEY).order_by("key")
    if show in State:
        rows = rows.filter(state=show)
    elif show in Feedback:
        rows = rows.filter(feedback=show)
    elif show == UNSUBSCRIBED:
        rows = rows.filter(pk__in=left_by(issue).values("left_by"))
    elif show == ATTENTION:
        rows = rows.filter(
            Q(state__in=[State.FAILED, State.UNCERTAIN])
            | Q(feedback__in=[Feedback.BOUNCED, Feedback.COMPLAINED])
        )
    search = search.replace("\0", "")  # PostgreSQL takes no NUL
    return rows.filter(address__icontains=search) if search else rows


def page_of(rows: DeliveryQuerySet, after: str) -> tuple[list[Any], str]:
    """The next rows after an address, and the address to go on from; "" at the end.

    Going on from a key costs the same on the first page and on the ten-thousandth.
    """
    if after := after.replace("\0", ""):
        rows = rows.filter(Q(("key__gt", after)))  # `recipients` annotates it
    found: list[Any] = list(rows.defer("values")[: DELIVERIES_A_PAGE + 1])
    page = found[:DELIVERIES_A_PAGE]
    return page, page[-1].key if len(found) > len(page) else ""


def as_rows(rows: DeliveryQuerySet) -> Iterator[Sequence[Any]]:
    """The same for a file, read from the database as it is written."""
    yield ["address", "name", "state", "reason", "error", "feedback", "mailer", "finished_at"]
    columns = ("address", "name", "state", "reason", "error", "feedback", "alias", "finished_at")
    yield from rows.values_list(*columns).iterator(2000)


# -- The chart -------------------------------------------------------------------------------------

MOST_BARS = 60
FEWEST = 24  # as wide as that: a single bar would fill the page

MinuteVolumes = dict[datetime, Counter[str]]


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
    ended = deliveries.filter(state__in=CHART_STATES, finished_at__isnull=False).order_by()
    rows = ended.values_list(Minute("finished_at"), "state").annotate(Count("pk"))
    minutes: MinuteVolumes = {}
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


def _by(minutes: MinuteVolumes, parts: dict[str, Any]) -> MinuteVolumes:
    volumes: MinuteVolumes = {}
    for moment, counts in minutes.items():
        volumes.setdefault(moment.replace(**parts), Counter()).update(counts)
    return volumes


def _moments(first: datetime, last: datetime, step: timedelta) -> list[datetime]:
    """From the first bar to the last, those without any mail too."""
    number = min(MOST_BARS, round((last - first) / step) + 1)
    return [first + step * further for further in range(number)]
