"""How far the sending of an issue is, how fast it goes, and what is in its way."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.functional import cached_property

from mailroom.config.channels import providers_of
from mailroom.delivery import breaker
from mailroom.delivery.claim import limits_of
from mailroom.models import Delivery, MailerHealth, WorkerBeat
from mailroom.models.message import UNFINISHED
from newsletters.composing.preflight import CHANNEL
from newsletters.models import Issue

TROUBLE = (Delivery.State.FAILED, Delivery.State.UNCERTAIN)
MINUTE = 60
DAY = 24 * 60 * MINUTE
SOON = timedelta(minutes=2)


@dataclass
class IssueProgress:
    issue: Issue

    @cached_property
    def counts(self) -> dict[str, int]:
        """Deliveries by state, every state named."""
        found = self.issue.progress()
        return {str(state.label): found.get(state.value, 0) for state in Delivery.State}

    @cached_property
    def total(self) -> int:
        """How many get it: all deliveries, or the audience while they are being queued."""
        queued = sum(self.counts.values())
        return queued if self.issue.queued_at else max(queued, self.issue.audience().count())

    @property
    def done(self) -> int:
        """How many have an outcome, whatever it is."""
        waiting = sum(self.counts[str(Delivery.State(state).label)] for state in UNFINISHED)
        return sum(self.counts.values()) - waiting

    @property
    def sent(self) -> int:
        """How many the mailer accepted."""
        return self.counts[str(Delivery.State.SENT.label)]

    @property
    def failed(self) -> int:
        """How many were refused for good."""
        return self.counts[str(Delivery.State.FAILED.label)]

    @property
    def uncertain(self) -> int:
        """How many may have arrived or not."""
        return self.counts[str(Delivery.State.UNCERTAIN.label)]

    @property
    def is_over(self) -> bool:
        if self.issue.state == Issue.State.CANCELLED:
            return True
        return bool(self.issue.queued_at) and self.done == self.total

    @property
    def is_under_way(self) -> bool:
        return self.issue.state == Issue.State.SENDING and not self.is_over

    # -- Before the first mail ------------------------------------------------------------------

    @property
    def seconds_to_go(self) -> int:
        """Until its time comes."""
        assert self.issue.publish_at
        return max(0, round((self.issue.publish_at - timezone.now()).total_seconds()))

    @property
    def is_soon(self) -> bool:
        """True while somebody would count the seconds."""
        return self.seconds_to_go <= SOON.total_seconds()

    @property
    def look_again(self) -> int:
        """Seconds after which the page looks for news."""
        if self.issue.is_scheduled:
            return 1 if self.is_soon else MINUTE
        return 2

    # -- While it goes --------------------------------------------------------------------------

    @cached_property
    def per_minute(self) -> int:
        """Mails of this issue that got an outcome, by the last minute or what there was of it."""
        now = timezone.now()
        since = self.issue.resumed_at or self.issue.queued_at or self.issue.published_at or now
        since = max(since, now - timedelta(seconds=MINUTE))
        # By the index on finished_at: asked for the message first, all of its rows are read.
        mine = Count("pk", filter=Q(message=self.issue.message_id))
        ended = Delivery.objects.filter(finished_at__gt=since).aggregate(mine=mine)["mine"]
        return round(ended * MINUTE / max(1.0, (now - since).total_seconds()))

    @property
    def seconds_left(self) -> int | None:
        """By a daily cap, the rate of now, or the one allowed; None where none is known."""
        left = self.total - self.done
        account = self.issue.newsletter.account
        limits = limits_of(CHANNEL, account.alias if account else "")
        waits = [
            (one.ends_at - timezone.now()).total_seconds()
            + (left - one.left() - 1) // one.number * DAY
            for one in limits.daily
            if left > one.left()
        ]
        if waits:
            return round(max(waits))
        rate = self.per_minute / MINUTE or min((rate for _, rate in limits.rates), default=0)
        return round(left / rate) if rate else None

    @property
    def minutes_left(self) -> int | None:
        seconds = self.seconds_left
        return None if seconds is None else round(seconds / MINUTE)

    @cached_property
    def next_try(self) -> datetime | None:
        """When a provider is tried again, where none of them works and emails wait for it."""
        return breaker.next_try(CHANNEL) if self.is_under_way else None

    @cached_property
    def last_error(self) -> str:
        """What the provider said: what keeps it from working now, else the last refusal.

        Of what is over, nothing that happened to a provider later.
        """
        if self.is_over and not self.failed and not self.uncertain:
            return ""
        ills = MailerHealth.objects.filter(alias__in=list(providers_of(CHANNEL)), failures__gt=0)
        if not self.is_over and (ill := ills.order_by("-failed_at").first()):
            return ill.error
        if not self.failed and not self.uncertain:
            return ""
        rows = Delivery.objects.filter(message=self.issue.message_id, state__in=TROUBLE)
        last = rows.exclude(error="").order_by("-finished_at").values_list("error", flat=True)
        return last.first() or ""

    @cached_property
    def has_worker(self) -> bool:
        """False where nobody is there who could send anything."""
        return WorkerBeat.alive().exists()
