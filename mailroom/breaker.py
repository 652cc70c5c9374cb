"""Each provider's breaker: it rests after failures, is tried by one, and fails back by itself.

Its state stands in the database, so that what one process learns all others know. Each change is
one conditional UPDATE, won by one of them.
"""

import logging
import random
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError
from django.db.models import F
from django.utils import timezone

from mailroom import alerts, health
from mailroom.channels import children
from mailroom.models import Delivery, MailerHealth
from mailroom.outcomes import Fault, Outcome

logger = logging.getLogger(__name__)

OPENS_AFTER = 3  # failures in a row
LONGEST_REST = timedelta(minutes=5)
LONGEST_RETRY_AFTER = 3600  # seconds, whatever a provider asks for
PROBE = timedelta(seconds=60)  # longer than any time-out: a prober that died is replaced then

State = MailerHealth.State


def admits(alias: str) -> bool:
    """May a mail be handed to this provider, or to this route, now?

    For a provider whose rest is over, True to one caller, whose mail is the probe.
    """
    if children(alias):
        return not health.rests(alias)
    if health.rests(alias):
        return False
    row = health.health(alias)
    return row.state == State.CLOSED or _wins_probe(row)


def report(alias: str, outcome: Outcome) -> None:
    """Tell the breaker what became of a mail that was handed to a provider.

    Faults of transport and account count against it, and a wish to be left alone for a while; a bad
    address never does. A database that is away is no reason to fail: the mail is gone already.
    """
    try:
        if outcome.fault in {Fault.TRANSPORT, Fault.ACCOUNT} or outcome.retry_after:
            _failed(alias, outcome)
        elif not health.health(alias).is_pristine:
            _succeeded(alias)
    except DatabaseError as error:
        logger.warning("The health of %s was not written: %s", alias, type(error).__name__)


def try_now(alias: str) -> None:
    """End a provider's rest: the next mail tries it."""
    MailerHealth.objects.filter(alias=alias).update(retry_at=timezone.now())
    health.forget()


def set_mode(alias: str, mode: str) -> None:
    """Pause a provider, drain it, or (mode "") give it back to the breaker."""
    MailerHealth.objects.update_or_create(alias=alias, defaults={"mode": mode})
    health.forget()


def _wins_probe(row: MailerHealth) -> bool:
    same = MailerHealth.objects.filter(alias=row.alias, state=row.state, retry_at=row.retry_at)
    won = same.update(state=State.HALF_OPEN, retry_at=timezone.now() + PROBE)
    health.forget()
    return bool(won)


def _failed(alias: str, outcome: Outcome) -> None:
    MailerHealth.objects.get_or_create(alias=alias)
    mine = MailerHealth.objects.filter(alias=alias)
    now = timezone.now()
    mine.update(failures=F("failures") + 1, error=outcome.error, failed_at=now)
    row = mine.get()
    asked = timedelta(seconds=min(outcome.retry_after or 0, LONGEST_RETRY_AFTER))
    is_probe = row.state == State.HALF_OPEN
    if is_probe or asked or (row.state == State.CLOSED and row.failures >= OPENS_AFTER):
        rests = row.rests + 1
        _open(row, rests, now + max(_rest(rests), asked))
    health.forget()


def _open(row: MailerHealth, rests: int, until: datetime) -> None:
    same = MailerHealth.objects.filter(alias=row.alias, state=row.state)
    since = timezone.now() if row.state == State.CLOSED else row.changed_at
    opened = same.update(state=State.OPEN, rests=rests, retry_at=until, changed_at=since)
    if opened and row.state == State.CLOSED:
        alerts.tell("opened", row.alias, error=row.error)


def _rest(rests: int) -> timedelta:
    """How long the rest of that number in a row is: doubling, with jitter, up to a limit."""
    doubled = timedelta(seconds=settings.MAIL_BREAKER_SECONDS) * 2 ** min(rests - 1, 10)
    return min(doubled, LONGEST_REST) * random.uniform(0.8, 1.0)  # noqa: S311


def _succeeded(alias: str) -> None:
    was_resting = MailerHealth.objects.filter(alias=alias).exclude(state=State.CLOSED)
    well = {"state": State.CLOSED, "failures": 0, "rests": 0, "retry_at": None}
    if was_resting.update(**well, changed_at=timezone.now()):
        waiting = Delivery.objects.queued().filter(alias=alias, leased_until=None)
        waiting.update(not_before=timezone.now())  # what was refused meanwhile need not wait on
        alerts.tell("closed", alias)
    else:
        MailerHealth.objects.filter(alias=alias).update(**well)
    health.forget()
