"""Write outcomes: the only place where a delivery's state changes around an attempt.

Each statement names the state and the holder that it expects, and returns the rows that it changed.
Logs and signals report those and no others.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from mailroom import signals
from mailroom.addresses import address_key
from mailroom.models import Attempt, Delivery, Event, Message
from mailroom.models.delivery import DeliveryQuerySet
from mailroom.outcomes import Fault, Outcome, Verdict
from mailroom.retries import is_hopeless, next_try

logger = logging.getLogger(__name__)

State = Delivery.State
FREE: dict[str, Any] = {"leased_by": "", "leased_until": None}
PATIENCE = 30  # tries, a second apart: a database that restarts is back by then
# Why a delivery failed that no provider was asked about: it counts as nobody's bounce.
UNSENDABLE = gettext_noop("could not be built")

SIGNALS = {
    State.SENT: signals.sent,
    State.FAILED: signals.failed,
    State.UNCERTAIN: signals.uncertain,
    State.SKIPPED: signals.skipped,
}

Results = Sequence[tuple[Delivery, Outcome]]


def record(outcomes: Results, holder: str) -> list[Event]:
    """Commit the outcomes of a window, then send the signals of what changed.

    Returns the hard bounces among them, stored and still to be handled.

    A database that is away for a moment is waited for: what is in our hands was sent, and to
    forget it would leave it in doubt.
    """
    results, bounces = _patiently(lambda: _write(outcomes, holder))
    for delivery, outcome in results:
        _log(delivery, outcome)
        announce([delivery])
        if delivery.state == State.QUEUED and outcome.fault is Fault.ACCOUNT:
            _send(signals.account_refused, delivery, error=outcome.error)
    return bounces


def skip(deliveries: Sequence[Delivery], reasons: Mapping[int, str], holder: str) -> list[Delivery]:
    """Mark leased deliveries as skipped, each with its reason; those that changed.

    Runs in the caller's transaction, who announces them once it is committed.
    """
    mine = Delivery.objects.held_by(holder).queued()
    texts = {pk: reason[:100] for pk, reason in reasons.items()}
    return _end_unsent(mine, deliveries, texts, "reason", {"state": State.SKIPPED})


def fail(deliveries: Sequence[Delivery], errors: Mapping[int, str], holder: str) -> list[Delivery]:
    """Mark leased deliveries that can't be built as failed, as `skip` does. errors: by id."""
    mine = Delivery.objects.held_by(holder).queued()
    failed = {"state": State.FAILED, "reason": UNSENDABLE, "alias": ""}
    return _end_unsent(mine, deliveries, errors, "error", failed)


def expire(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Mark queued deliveries that are in no worker's hands as expired, as `skip` does."""
    is_free = Q(leased_until=None) | Q(leased_until__lt=timezone.now())
    texts = {one.pk: "expired" for one in deliveries}
    free = Delivery.objects.queued().filter(is_free)
    return _end_unsent(free, deliveries, texts, "reason", {"state": State.SKIPPED})


def announce(changed: Iterable[Delivery]) -> None:
    """Send the signal of each delivery's new state, after the commit that brought it."""
    for delivery in changed:
        if signal := SIGNALS.get(State(delivery.state)):
            _send(signal, delivery)


def erase_finished(messages: set[int]) -> None:
    """Erase secret messages none of whose deliveries may still be sent."""
    if not messages:
        return
    for message in Message.objects.finished().filter(pk__in=messages, is_secret=True):
        message.erase()


def _end_unsent(
    rows: DeliveryQuerySet,
    deliveries: Sequence[Delivery],
    texts: Mapping[int, str],
    column: str,
    columns: dict[str, Any],
) -> list[Delivery]:
    """End what of `rows` has a text, which goes into `column`: one statement for each text."""
    by_text: dict[str, list[Delivery]] = {}
    for one in deliveries:
        if one.pk in texts:
            by_text.setdefault(texts[one.pk], []).append(one)
    ended = {**columns, "finished_at": timezone.now()}
    changed = [
        one for text, some in by_text.items() for one in _change(rows, some, ended | {column: text})
    ]
    erase_finished({one.message_id for one in changed if one.message.is_secret})
    return changed


def _change(
    rows: DeliveryQuerySet, deliveries: Sequence[Delivery], columns: dict[str, Any]
) -> list[Delivery]:
    """Set columns where the row still is among `rows`; the deliveries that changed, up to date."""
    columns = {**columns, **FREE}
    ids = set(rows.filter(pk__any_of=[one.pk for one in deliveries]).update_returning(**columns))
    changed = [one for one in deliveries if one.pk in ids]
    for one in changed:
        for name, value in columns.items():
            setattr(one, name, value)
    return changed


def _patiently[T](write: Callable[[], T]) -> T:
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
    raise AssertionError("unreachable: the last attempt returns or raises")


def _write(outcomes: Results, holder: str) -> tuple[Results, list[Event]]:
    by_id = {one.pk: outcome for one, outcome in outcomes}
    accepted = [pair for pair in outcomes if pair[1].verdict is Verdict.ACCEPTED]
    changed = _write_accepted(accepted, holder)
    in_flight = Delivery.objects.held_by(holder).filter(state=State.SENDING)
    for delivery, outcome in outcomes:
        if outcome.verdict is not Verdict.ACCEPTED:
            changed += _change(in_flight, [delivery], _refusal(delivery, outcome))
    results = [(one, by_id[one.pk]) for one in changed]
    Attempt.objects.bulk_create(_attempts(results))
    gone = [pair for pair in results if pair[1].fault is Fault.RECIPIENT]
    bounces = Event.objects.bulk_create([_hard_bounce(*pair) for pair in gone])
    erase_finished({one.message_id for one in changed if one.message.is_secret})
    return results, bounces


def _write_accepted(accepted: Results, holder: str) -> list[Delivery]:
    """One statement for all that differ in nothing, SMTP's; one for each that has a provider's id.

    Acceptance is evidence: it also settles a row that was given up as uncertain, or queued again,
    because our lease ran out meanwhile.
    """
    alike: dict[tuple[str, str], list[Delivery]] = {}
    for delivery, outcome in accepted:
        alike.setdefault((delivery.alias, outcome.provider_id[:200]), []).append(delivery)
    changed: list[Delivery] = []
    for (alias, provider_id), some in alike.items():
        sent: dict[str, Any] = {"state": State.SENT, "alias": alias, "provider_id": provider_id}
        sent |= {"error": "", "reason": "", "finished_at": timezone.now()}
        changed += _change(Delivery.objects.held_by(holder), some, sent)
        known = {one.pk for one in changed}
        if late := [one for one in some if one.pk not in known]:
            in_doubt = Delivery.objects.filter(state__in=[State.UNCERTAIN, State.QUEUED])
            keep_overwritten(in_doubt.filter(pk__any_of=[one.pk for one in late]))
            changed += _change(in_doubt, late, sent)
    return changed


def keep_overwritten(rows: DeliveryQuerySet) -> None:
    """Keep what uncertain rows say, which evidence is about to overwrite, as attempts."""
    uncertain = rows.filter(state=State.UNCERTAIN).select_for_update()
    Attempt.objects.bulk_create(map(Attempt.of, uncertain))


def _refusal(delivery: Delivery, outcome: Outcome) -> dict[str, Any]:
    """The columns that a refusal or an unknown outcome changes."""
    words: dict[str, Any] = {"error": outcome.error, "alias": delivery.alias}
    now = timezone.now()
    if outcome.verdict is Verdict.UNKNOWN and delivery.message.is_bulk:
        return {**words, "state": State.UNCERTAIN, "finished_at": now}
    if outcome.verdict is Verdict.FOR_GOOD or is_hopeless(delivery.created_at):
        reason = UNSENDABLE if outcome.fault is Fault.CONTENT else ""
        return {**words, "state": State.FAILED, "reason": reason, "finished_at": now}
    when = next_try(delivery.attempts, outcome.retry_after)
    if delivery.expires_at:  # be there when it expires, to say so and to forget its secrets
        when = min(when, delivery.expires_at)
    return {**words, "state": State.QUEUED, "not_before": when}


def _attempts(results: Results) -> list[Attempt]:
    """What the rows themselves don't say: refusals that another try followed, or will.

    A fault of the provider is kept once for all bulk rows of a window.
    """
    kept: list[Attempt] = []
    faults: dict[tuple[str, str], Attempt] = {}
    for delivery, outcome in results:
        tries = list(getattr(delivery, "refused_by", []))
        if delivery.state == State.QUEUED:
            tries.append((delivery.alias, outcome, timezone.now()))
        for alias, refusal, at in tries:
            is_unknown = refusal.verdict is Verdict.UNKNOWN
            told = Attempt.Outcome.UNCERTAIN if is_unknown else Attempt.Outcome.REFUSED
            attempt = Attempt(alias=alias, outcome=told, error=refusal.error, at=at)
            if delivery.message.is_bulk and refusal.fault in {Fault.TRANSPORT, Fault.ACCOUNT}:
                faults.setdefault((alias, refusal.error), attempt)
            else:
                attempt.delivery = delivery
                kept.append(attempt)
    return [*kept, *faults.values()]


def _hard_bounce(delivery: Delivery, outcome: Outcome) -> Event:
    """A server that refuses an address for good says what a webhook would report later.

    It is stored with the outcome, so that its effects survive a worker that dies here.
    """
    return Event(
        provider=delivery.alias[:50],
        event_id=uuid.uuid4().hex,
        kind=Event.Kind.HARD_BOUNCE,
        told_delivery=delivery.pk,
        address=address_key(delivery.address),
        description=outcome.error,
    )


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


def _send(signal: Any, delivery: Delivery, **more: Any) -> None:
    """A receiver that raises changes nothing."""
    if not signal.has_listeners(Delivery):
        return
    told = {"channel": delivery.channel, "alias": delivery.alias, "delivery": delivery, **more}
    for _, answer in signal.send_robust(Delivery, **told):
        if isinstance(answer, Exception):
            logger.error("A receiver of a mail signal failed.", exc_info=answer)
