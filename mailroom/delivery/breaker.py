"""A circuit breaker for each provider, shared by all processes.

A provider's fault is recorded here, in MailerHealth, and never in the rows that wait for it. After
the first fault a lane tests the provider with one row at a time; after three in a row the breaker
opens, and routes prefer other providers until the time is over. Each change is one conditional
UPDATE. A process sees the changes of others within a second.
"""

import enum
import logging
import random
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.core.mail import mail_admins, mailers
from django.db import DatabaseError
from django.db.models import F
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext as _

from mailroom.config.channels import children, providers_of
from mailroom.config.mailers import QUOTA
from mailroom.delivery.wakeups import wake
from mailroom.models import ClockLease, DailyLimit, MailAccount, MailerHealth
from mailroom.outcomes import PROVIDER_FAULTS, Fault, Outcome
from mailroom.signals import mailer_alert

logger = logging.getLogger(__name__)

OPENS_AFTER = 3  # failures in a row
FRESH_SECONDS = 1.0
LONGEST_PROBE = 5.0  # seconds to the next try of a provider where no other one works
LONGEST_REST = timedelta(minutes=5)
LONGEST_PROVIDER_PAUSE = 3600  # seconds, whatever a provider asks for
PROBE = timedelta(seconds=60)  # longer than any time-out; then a prober that died is replaced
OPS = "ops"
ALERT_EVERY = {"opened": 600.0, "closed": 600.0, "failed_over": 3600.0}  # seconds

State, Mode = MailerHealth.State, MailerHealth.Mode


class Admission(enum.Enum):
    """How many rows may be claimed for a route now."""

    ALL = "all"
    ONE = "one"  # to probe a provider that failed
    NONE = "none"


# -- What is known ----------------------------------------------------------------------------


class _Seen(NamedTuple):
    rows: dict[str, MailerHealth]
    at: float


_seen = _Seen({}, float("-inf"))
_own_probe = threading.local()  # .alias: the provider that this thread may try, and no other


def health(alias: str) -> MailerHealth:
    """The health of a provider; working if nothing is known about it."""
    return _rows().get(alias) or MailerHealth(alias=alias)


def forget() -> None:
    """Read the health of all providers again before the next answer."""
    global _seen  # noqa: PLW0603  (a cache of one process, shared by its threads)
    _seen = _Seen({}, float("-inf"))


def _rows() -> dict[str, MailerHealth]:
    global _seen  # noqa: PLW0603
    if time.monotonic() - _seen.at > FRESH_SECONDS:
        try:
            rows = {row.alias: row for row in MailerHealth.objects.all()}
        except DatabaseError:  # error emails must be sent even if the database is the problem
            logger.warning("The health of providers can't be read; they count as working.")
            rows = _seen.rows
        _seen = _Seen(rows, time.monotonic())
    return _seen.rows


def rests(alias: str) -> bool:
    """Whether a provider should get nothing now, or a route has only such children."""
    if below := children(alias):
        return all(rests(child) for child in below)
    if alias == getattr(_own_probe, "alias", None):
        return False
    row = health(alias)
    if row.mode:
        return True
    return row.state != State.CLOSED and bool(row.retry_at and row.retry_at > timezone.now())


def is_paused(alias: str) -> bool:
    """Whether a person has paused a provider, or all providers of a route or channel."""
    if below := children(alias):
        return all(is_paused(child) for child in below)
    return health(alias).mode == Mode.PAUSED


def next_try(route: str) -> datetime | None:
    """When a route, channel or provider without a working provider is tried next.

    None if one works, or if a person has paused all of them.
    """
    able = _able(route)
    if not able or any(row.is_pristine for row in able):
        return None
    return min(row.probe_at or timezone.now() for row in able)


def _able(route: str) -> list[MailerHealth]:
    """The providers that may send email of a route now: not paused, and within their quota."""
    in_reach = dict.fromkeys(_in_reach(route))
    return [row for row in map(health, in_reach) if row.mode != Mode.PAUSED]


def _in_reach(alias: str) -> Iterator[str]:
    below = children(alias)
    if not below:
        yield alias
    elif (quota := quota_of(alias)) and not quota.left():
        below = below[1:]
    for child in below:
        yield from _in_reach(child)


def quota_of(alias: str) -> DailyLimit | None:
    """The limit of a quota's first child; None for any other mailer.

    It is counted per child, so several routes with the same child share its daily limit.
    """
    entry = mailers.settings.get(alias, {})
    if entry.get("BACKEND") != QUOTA:
        return None
    options = entry["OPTIONS"]
    return DailyLimit(f"quota:{options['via'][0]}", options["number"], options["zone"])


# -- What may be tried ------------------------------------------------------------------------


def admission(route: str) -> Admission:
    """How many rows may be claimed for a route now: all, one to probe a provider, or none.

    ONE goes to a single caller, whose thread may use that provider until `end_probe`.
    """
    able = _able(route)
    if any(row.is_pristine for row in able):
        return Admission.ALL
    now = timezone.now()
    due = [row for row in able if row.probe_at is None or row.probe_at <= now]
    for row in sorted(due, key=lambda row: row.failed_at or now):
        if _wins_probe(row, probe_at=row.probe_at):
            _own_probe.alias = row.alias
            return Admission.ONE
    return Admission.NONE


def end_probe(*, was_used: bool) -> None:
    """End what `admission` began; was_used: False if there was no row to test with."""
    alias, _own_probe.alias = getattr(_own_probe, "alias", None), None
    if alias and not was_used:
        MailerHealth.objects.filter(alias=alias).update(probe_at=timezone.now())
        forget()


def admits(alias: str) -> bool:
    """Whether an email may be handed to this provider or route now.

    When a provider's cooling-down time is over, True for one caller, whose email is the test.
    """
    if children(alias) or rests(alias):
        return not rests(alias)
    row = health(alias)
    is_own = alias == getattr(_own_probe, "alias", None)
    return is_own or row.state == State.CLOSED or _wins_probe(row, retry_at=row.retry_at)


def _wins_probe(row: MailerHealth, **same: datetime | None) -> bool:
    now = timezone.now()
    rows = MailerHealth.objects.filter(alias=row.alias, state=row.state, **same)
    probing: dict[str, Any] = {"retry_at": now + PROBE, "probe_at": now + PROBE}
    if row.state == State.OPEN:
        probing["state"] = State.HALF_OPEN
    won = rows.update(**probing)
    forget()
    return bool(won)


# -- What happened ----------------------------------------------------------------------------


def report(alias: str, outcome: Outcome) -> None:
    """Record the outcome of an email that was handed to a provider.

    Faults of transport and account count against it; a refused address never does. Retry-After is
    followed exactly, and is no failure. An unreachable database is ignored, because the email has
    already been handed over.
    """
    try:
        if outcome.fault in PROVIDER_FAULTS:
            _failed(alias, outcome)
        elif outcome.retry_after:
            _asked_to_wait(alias, outcome, outcome.retry_after)
        elif not health(alias).is_pristine:
            _succeeded(alias)
    except DatabaseError as error:
        logger.warning("The health of %s was not written: %s", alias, type(error).__name__)


def try_now(alias: str) -> None:
    """End a provider's cooling down: the next email tests it."""
    now = timezone.now()
    MailerHealth.objects.filter(alias=alias).update(retry_at=now, probe_at=now)
    forget()
    wake()


def set_mode(alias: str, mode: str) -> None:
    """Pause a provider, drain it, or (mode "") give it back to the breaker."""
    MailerHealth.objects.update_or_create(alias=alias, defaults={"mode": mode})
    forget()
    wake()


@receiver(post_save, sender=MailAccount)
def follow(instance: MailAccount, **_: Any) -> None:
    """Pause a mail account that was deactivated; try at once what was changed."""
    if instance.active != instance.was_active:
        set_mode(instance.alias, Mode.AUTOMATIC if instance.active else Mode.PAUSED)
        instance.was_active = instance.active
    try_now(instance.alias)


def _failed(alias: str, outcome: Outcome) -> None:
    MailerHealth.objects.get_or_create(alias=alias)
    mine = MailerHealth.objects.filter(alias=alias)
    now = timezone.now()
    mine.update(failures=F("failures") + 1, error=outcome.error, failed_at=now)
    row = mine.get()
    opens = row.state == State.HALF_OPEN or row.failures >= OPENS_AFTER
    rests = row.rests + 1 if opens else row.rests
    asked = timedelta(seconds=min(outcome.retry_after or 0, LONGEST_PROVIDER_PAUSE))
    rest = max(_rest(rests), asked) if opens else asked
    probe = _wait_for_probe(row.failures)
    if outcome.fault is Fault.ACCOUNT and opens:  # it takes a person: no hurry, and no lock-out
        probe = rest
    changes = {"probe_at": now + max(min(probe, rest) if opens else probe, asked)}
    if opens:
        changes |= {"retry_at": now + rest}
        since = now if row.state == State.CLOSED else row.changed_at
        same = mine.filter(state=row.state)
        opened = same.update(state=State.OPEN, rests=rests, changed_at=since, **changes)
        if opened and row.state == State.CLOSED:
            alert("opened", alias, error=row.error)
    else:
        mine.update(**changes)
    forget()


def _wait_for_probe(failures: int) -> timedelta:
    """Time until the next test: none after the first failure, then 1, 2, 4, 5 seconds."""
    seconds = 2.0 ** min(failures - 2, 10) if failures > 1 else 0.0
    return timedelta(seconds=min(seconds, LONGEST_PROBE))


def _rest(rests: int) -> timedelta:
    """How long a provider cools down: doubling each time, with jitter, up to a limit."""
    doubled = timedelta(seconds=settings.MAIL_BREAKER_SECONDS) * 2 ** min(max(rests - 1, 0), 10)
    return min(doubled, LONGEST_REST) * random.uniform(0.8, 1.0)  # noqa: S311


def _asked_to_wait(alias: str, outcome: Outcome, seconds: float) -> None:
    now = timezone.now()
    until = now + timedelta(seconds=min(seconds, LONGEST_PROVIDER_PAUSE))
    waits = {"state": State.OPEN, "retry_at": until, "probe_at": until, "error": outcome.error}
    MailerHealth.objects.update_or_create(
        alias=alias, defaults=waits, create_defaults={**waits, "changed_at": now}
    )
    forget()


def _succeeded(alias: str) -> None:
    well = {"state": State.CLOSED, "failures": 0, "rests": 0, "retry_at": None, "probe_at": None}
    mine = MailerHealth.objects.filter(alias=alias)
    had_opened = mine.filter(rests__gt=0)
    if had_opened.update(**well, changed_at=timezone.now()):
        alert("closed", alias)
    else:
        mine.update(**well)
    forget()
    wake()  # everything that waited for it may be sent now


# -- Who has to know --------------------------------------------------------------------------


def alert(event: str, alias: str, *, error: str = "", carried_by: str = "") -> None:
    """Notify ADMINS by email, and the receivers of the signal, of an event of a provider.

    event: `opened` (it cools down), `closed` (it works again) or `failed_over` (`carried_by` sent
    its email). The same event of the same provider is reported once in ten minutes or an hour.
    """
    if not ClockLease.win(f"alert:{event}:{alias}", ALERT_EVERY[event]):
        return
    logger.warning("Provider %s: %s %s %s", alias, event, carried_by, error)
    details = {"event": event, "alias": alias, "error": error, "carried_by": carried_by}
    for _receiver, answer in mailer_alert.send_robust(None, **details):
        if isinstance(answer, Exception):
            logger.error("A receiver of mailer_alert failed.", exc_info=answer)
    if OPS in mailers.settings:
        label = MailAccount.objects.label
        subject = alert_text(event, label(alias), label(carried_by))
        mail_admins(subject, error or "–", using=OPS)


def alert_text(event: str, alias: str, carried_by: str = "") -> str:
    """What happened, in one sentence of the active language."""
    match event:
        case "opened":
            return _("%(alias)s is down.") % {"alias": alias}
        case "closed":
            return _("%(alias)s works again.") % {"alias": alias}
    words = {"alias": alias, "other": carried_by}
    return _("%(alias)s is down. Email is going through %(other)s.") % words


def oldest_failure(among: Iterable[str]) -> str | None:
    """The provider to try for a direct email if all are cooling down; never a paused one."""
    able = [alias for alias in among if not is_paused(alias)]
    epoch = timezone.now()

    def failed_at(alias: str) -> datetime:
        return min((health(one).failed_at or epoch) for one in providers_of(alias))

    return min(able, key=failed_at) if able else None
