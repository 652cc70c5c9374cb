"""The numbers of the status page: kept counts, the breakers, and what waits up to a limit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from mailroom.config.channels import channels, providers_of
from mailroom.delivery.breaker import is_paused, next_try
from mailroom.models import (
    Attempt,
    Delivery,
    MailAccount,
    MailerHealth,
    OutcomeCount,
    WorkerBeat,
)
from mailroom.models.count import hour_of
from mailroom.status.chart import Bar, bars
from mailroom.status.overview import in_flight, waiting

HOURS = 24
ACCOUNTS_SHOWN = 50  # mail accounts on the page; all are in the admin
COUNTED_AT_MOST = 10_000  # what is counted on a visit
OUTCOMES = (Delivery.State.SENT, Delivery.State.FAILED, Delivery.State.UNCERTAIN)

Volumes = dict[datetime, dict[str, int]]  # by hour, by state


@dataclass(frozen=True)
class ProviderFigures:
    """One provider or mail account: its breaker, its channels, and its last 24 hours.

    name: a mail account's, "" for a provider in MAILERS.
    """

    number: int
    alias: str
    name: str
    url: str
    health: MailerHealth
    channels: list[str]
    totals: list[tuple[str, str, int]]  # state, its label, how many
    bars: list[Bar]
    volumes: Volumes  # what the bars show, as numbers

    @property
    def highest(self) -> int:
        """Emails of the tallest bar: the top of the scale."""
        return max((sum(counts.values()) for counts in self.volumes.values()), default=0)

    @property
    def numbers(self) -> list[tuple[datetime, dict[str, int]]]:
        """The hours with email, the newest first, and their counts by state."""
        return sorted(self.volumes.items(), reverse=True)

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
    next_try: datetime | None  # None where a provider works

    @property
    def is_many(self) -> bool:
        """True where more wait than were counted."""
        return self.waiting > COUNTED_AT_MOST


def provider_figures() -> list[ProviderFigures]:
    """All providers, in the order of the configuration, and mail accounts, failing ones first."""
    rows = {row.alias: row for row in MailerHealth.objects.all()}
    shown: list[tuple[str, str, str, MailAccount | None]]
    shown = [(alias, "", url, None) for alias, url in settings.MAILER_URLS.items()]
    shown += [(one.alias, one.name, one.address, one) for one in _accounts(rows)]
    volumes = _volumes()
    refused = {alias: _refused(count) for alias, count in _refusals().items()}
    return [
        ProviderFigures(
            number=number,
            alias=alias,
            name=name,
            url=url,
            health=rows.get(alias) or MailerHealth(alias=alias),
            channels=_channels(alias, account),
            totals=[*_totals(volumes.get(alias, {})), refused.get(alias, _refused(0))],
            bars=bars(volumes.get(alias, {}), _hours()),
            volumes=volumes.get(alias, {}),
        )
        for number, (alias, name, url, account) in enumerate(shown, start=1)
    ]


def _accounts(rows: Mapping[str, MailerHealth]) -> list[MailAccount]:
    """The first mail accounts, those that are in trouble before the others."""
    well = MailerHealth()
    found = list(MailAccount.objects.all())
    found.sort(key=lambda one: rows.get(one.alias, well).is_pristine)
    return found[:ACCOUNTS_SHOWN]


def _channels(alias: str, account: MailAccount | None) -> list[str]:
    if account:
        return [one for one in channels() if account.allows(one)]
    return [one for one in channels() if alias in providers_of(one)]


@dataclass(frozen=True)
class CostFigures:
    """What a channel's email by a provider costs this month (UTC), by the price in its URL."""

    channel: str
    alias: str
    number: int
    cost: Decimal


def month_costs() -> list[CostFigures]:
    """What this month's email has cost so far, by channel and provider; where a price is known."""
    begin = hour_of(timezone.now()).replace(day=1, hour=0)
    sent = OutcomeCount.objects.filter(hour__gte=begin, state=Delivery.State.SENT)
    totals = sent.filter(alias__in=settings.MAILER_COSTS).totals("channel", "alias")
    return [
        CostFigures(channel, alias, number, number * Decimal(settings.MAILER_COSTS[alias]))
        for (channel, alias), number in sorted(totals.items())
        if number
    ]


def queue_figures() -> list[QueueFigures]:
    """All channels with what waits in them; each number is counted up to a limit."""
    state = Delivery.State
    sending = in_flight()
    return [
        QueueFigures(
            channel=channel,
            waiting=waiting(channel),
            held=_held(channel),
            sending=sending.get(channel, 0),
            uncertain=_trouble(channel, state.UNCERTAIN),
            failed=_trouble(channel, state.FAILED),
            oldest=_oldest(channel),
            is_paused=is_paused(channel),
            next_try=next_try(channel),
        )
        for channel in channels()
    ]


def _trouble(channel: str, state: str) -> int:
    return Delivery.objects.filter(channel=channel, state=state)[: COUNTED_AT_MOST + 1].count()


def _held(channel: str) -> int:
    held = Delivery.objects.queued().filter(channel=channel, message__held_at__isnull=False)
    return held[: COUNTED_AT_MOST + 1].count()


def _oldest(channel: str) -> datetime | None:
    """When what is due next was queued, more or less: the first of each of the channel's lanes."""
    rows = Delivery.objects.sendable().filter(channel=channel)
    first = rows.order_by("channel", "route", "not_before").values_list("created_at", flat=True)
    return first.first()


def workers_alive() -> int:
    """How many worker processes say that they live."""
    return WorkerBeat.alive().count()


def _hours() -> list[datetime]:
    now = hour_of(timezone.now())
    return [now - timedelta(hours=back) for back in reversed(range(HOURS))]


def _volumes() -> dict[str, Volumes]:
    counts = OutcomeCount.objects.filter(hour__gte=_hours()[0], state__in=OUTCOMES)
    volumes: dict[str, Volumes] = {}
    for (alias, hour, state), number in counts.totals("alias", "hour", "state").items():
        volumes.setdefault(alias, {}).setdefault(hour, {})[state] = number
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
