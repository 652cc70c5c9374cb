"""The numbers of the status page, all read from the outbox and the breakers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q
from django.db.models.functions import TruncHour
from django.utils import timezone

from mailroom.channels import channels, providers
from mailroom.health import is_paused
from mailroom.models import Attempt, Delivery, MailerHealth, WorkerBeat
from mailroom.status.chart import Bar, bars

HOURS = 24
OUTCOMES = (Delivery.State.SENT, Delivery.State.FAILED, Delivery.State.UNCERTAIN)

Volumes = dict[datetime, dict[str, int]]  # by hour, by state


@dataclass(frozen=True)
class ProviderFigures:
    """One provider: its breaker, which channels it can carry, and its last 24 hours."""

    number: int
    alias: str
    url: str
    health: MailerHealth
    channels: list[str]
    totals: list[tuple[str, str, int]]  # state, its label, how many
    bars: list[Bar]

    @property
    def is_resting(self) -> bool:
        return self.health.state == MailerHealth.State.OPEN

    @property
    def has_rested(self) -> bool:
        """True once its time to rest is over, and nothing has come that could try it."""
        return bool(self.health.retry_at and self.health.retry_at <= timezone.now())


@dataclass(frozen=True)
class QueueFigures:
    """One channel's queue: how many wait, since when the oldest is due, what needs a person."""

    channel: str
    waiting: int
    held: int
    sending: int
    uncertain: int
    failed: int
    oldest: datetime | None
    is_paused: bool


def provider_figures() -> list[ProviderFigures]:
    """All providers, in the order of the configuration."""
    rows = {row.alias: row for row in MailerHealth.objects.all()}
    volumes = _volumes()
    refused = {alias: _refused(count) for alias, count in _refusals().items()}
    return [
        ProviderFigures(
            number=number,
            alias=alias,
            url=url,
            health=rows.get(alias) or MailerHealth(alias=alias),
            channels=[one for one in channels() if alias in providers(one)],
            totals=[*_totals(volumes.get(alias, {})), refused.get(alias, _refused(0))],
            bars=bars(volumes.get(alias, {}), _hours()),
        )
        for number, (alias, url) in enumerate(settings.MAILER_URLS.items(), start=1)
    ]


def queue_figures() -> list[QueueFigures]:
    """All channels with what waits in them."""
    state = Delivery.State
    is_held = Q(message__held_at__isnull=False)
    is_waiting = Q(state=state.QUEUED) & ~is_held
    counted = Delivery.objects.filter(
        state__in=[state.QUEUED, state.SENDING, state.UNCERTAIN, state.FAILED]
    )
    rows = counted.order_by().values("channel").annotate(
        waiting=Count("pk", filter=is_waiting),
        held=Count("pk", filter=Q(state=state.QUEUED) & is_held),
        sending=Count("pk", filter=Q(state=state.SENDING)),
        uncertain=Count("pk", filter=Q(state=state.UNCERTAIN)),
        failed=Count("pk", filter=Q(state=state.FAILED)),
        oldest=Min("created_at", filter=is_waiting),
    )  # fmt: skip
    found: dict[str, dict[str, Any]] = {row["channel"]: dict(row) for row in rows}
    return [_queue(channel, found.get(channel, {})) for channel in channels()]


def workers_alive() -> int:
    """How many worker processes say that they live."""
    return WorkerBeat.alive().count()


def _queue(channel: str, row: dict[str, Any]) -> QueueFigures:
    return QueueFigures(
        channel=channel,
        waiting=row.get("waiting", 0),
        held=row.get("held", 0),
        sending=row.get("sending", 0),
        uncertain=row.get("uncertain", 0),
        failed=row.get("failed", 0),
        oldest=row.get("oldest"),
        is_paused=is_paused(channel),
    )


def _hours() -> list[datetime]:
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    return [now - timedelta(hours=back) for back in reversed(range(HOURS))]


def _volumes() -> dict[str, Volumes]:
    rows = (
        Delivery.objects.filter(finished_at__gte=_hours()[0], state__in=OUTCOMES)
        .order_by()
        .values_list("alias", TruncHour("finished_at"), "state")
        .annotate(Count("pk"))
    )
    volumes: dict[str, Volumes] = {}
    for alias, hour, state, count in rows:
        volumes.setdefault(alias, {}).setdefault(hour, {})[state] = count
    return volumes


def _refusals() -> dict[str, int]:
    """Tries that each provider refused, whoever accepted the email later."""
    tries = Attempt.objects.filter(at__gte=_hours()[0], outcome=Attempt.Outcome.REFUSED)
    return dict(tries.order_by().values_list("alias").annotate(Count("pk")))


def _refused(count: int) -> tuple[str, str, int]:
    return (Attempt.Outcome.REFUSED.value, str(Attempt.Outcome.REFUSED.label), count)


def _totals(volumes: Volumes) -> list[tuple[str, str, int]]:
    hours: Iterable[dict[str, int]] = volumes.values()
    return [
        (state.value, str(state.label), sum(hour.get(state.value, 0) for hour in hours))
        for state in OUTCOMES
    ]
