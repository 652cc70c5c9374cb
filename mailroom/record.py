"""Writing outcomes down: the only place where a delivery's state changes after an attempt."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from mailroom.models import Delivery, Message
from mailroom.outcomes import Fault, Outcome, Verdict
from mailroom.retries import is_hopeless, next_try
from mailroom.signals import account_refused, failed, sent

logger = logging.getLogger(__name__)

State = Delivery.State
FREE: dict[str, Any] = {"leased_by": "", "leased_until": None}
PATIENCE = 30  # tries, a second apart: a database that restarts is back by then


def record(outcomes: Sequence[tuple[Delivery, Outcome]], holder: str) -> None:
    """Commit the outcomes of a window, then tell the signals' receivers.

    A database that is away for a moment is waited for: what is in our hands was sent, and to
    forget it would leave it in doubt.
    """
    _patiently(lambda: _write(outcomes, holder))
    for delivery, outcome in outcomes:
        _log(delivery, outcome)
        _tell(delivery, outcome)


def skip(deliveries: Sequence[Delivery], reasons: Mapping[int, str], holder: str) -> None:
    """Mark leased deliveries as skipped, each with its reason, in the current transaction."""
    if not reasons:
        return
    mine = Delivery.objects.held_by(holder).queued()
    for reason in set(reasons.values()):
        ids = [pk for pk, why in reasons.items() if why == reason]
        now = timezone.now()
        told = {"state": State.SKIPPED, "reason": reason[:100], "finished_at": now}
        mine.filter(pk__any_of=ids).update(**told, **FREE)
    erase_finished({one.message_id for one in deliveries if one.pk in reasons})


def erase_finished(messages: set[int]) -> None:
    """Erase secret messages none of whose deliveries may still be sent."""
    if not messages:
        return
    for message in Message.objects.finished().filter(pk__in=messages, is_secret=True):
        message.erase()


def _patiently(write: Callable[[], None]) -> None:
    for attempt in range(PATIENCE + 1):
        try:
            with transaction.atomic(durable=True):
                return write()
        except (OperationalError, InterfaceError):
            if attempt == PATIENCE:
                raise
            logger.warning("The database is away; outcomes are kept and written when it is back.")
            connection.close()
            time.sleep(1)
    return None


def _write(outcomes: Sequence[tuple[Delivery, Outcome]], holder: str) -> None:
    accepted = [pair for pair in outcomes if pair[1].verdict is Verdict.ACCEPTED]
    _write_accepted(accepted, holder)
    for delivery, outcome in outcomes:
        if outcome.verdict is not Verdict.ACCEPTED:
            in_flight = Delivery.objects.held_by(holder).filter(state=State.SENDING)
            in_flight.filter(pk=delivery.pk).update(**_refusal(delivery, outcome), **FREE)
    erase_finished({one.message_id for one, _ in outcomes if one.message.is_secret})


def _write_accepted(accepted: Sequence[tuple[Delivery, Outcome]], holder: str) -> None:
    """One statement for all that differ in nothing, SMTP's; one for each that has a provider's id.

    Acceptance is evidence: it also settles a row that was given up as uncertain, or queued again,
    because our lease ran out meanwhile.
    """
    alike: dict[tuple[str, str], list[int]] = {}
    for delivery, outcome in accepted:
        alike.setdefault((delivery.alias, outcome.provider_id), []).append(delivery.pk)
    settled = Q(leased_by=holder) | Q(state__in=[State.UNCERTAIN, State.QUEUED])
    for (alias, provider_id), ids in alike.items():
        Delivery.objects.filter(settled, pk__any_of=ids).update(
            state=State.SENT,
            alias=alias,
            provider_id=provider_id[:200],
            error="",
            finished_at=timezone.now(),
            **FREE,
        )


def _refusal(delivery: Delivery, outcome: Outcome) -> dict[str, Any]:
    """The columns that a refusal or an unknown outcome changes."""
    words: dict[str, Any] = {"error": outcome.error, "alias": delivery.alias}
    if outcome.verdict is Verdict.UNKNOWN and delivery.message.is_bulk:
        return {**words, "state": State.UNCERTAIN, "finished_at": timezone.now()}
    if outcome.verdict is Verdict.FOR_GOOD or is_hopeless(delivery.created_at):
        return {**words, "state": State.FAILED, "finished_at": timezone.now()}
    when = next_try(delivery.attempts, outcome.retry_after)
    if delivery.expires_at:  # be there when it expires, to say so and to forget its secrets
        when = min(when, delivery.expires_at)
    return {**words, "state": State.QUEUED, "not_before": when}


def _log(delivery: Delivery, outcome: Outcome) -> None:
    """A line for each mail that somebody waits for, and for whatever was not accepted."""
    if outcome.verdict is Verdict.ACCEPTED and delivery.message.is_bulk:
        return
    logger.info(
        "Delivery %s by %s: %s.",
        delivery.pk,
        delivery.alias,
        outcome.verdict.value,
        extra={"delivery_id": delivery.pk},
    )


def _tell(delivery: Delivery, outcome: Outcome) -> None:
    """Signals go out after the commit, and a receiver that raises changes nothing."""
    if outcome.verdict is Verdict.ACCEPTED:
        signal = sent
    elif outcome.verdict is Verdict.FOR_GOOD:
        signal = failed
    elif outcome.fault is Fault.ACCOUNT:
        signal = account_refused
    else:
        return
    if not signal.has_listeners(Delivery):
        return
    told = {"channel": delivery.channel, "alias": delivery.alias, "delivery": delivery}
    if signal is account_refused:
        told["error"] = outcome.error
    for _, answer in signal.send_robust(Delivery, **told):
        if isinstance(answer, Exception):
            logger.error("A receiver of a mail signal failed.", exc_info=answer)
