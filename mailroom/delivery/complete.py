"""Record the outcomes of a window: only here does the state of a row in flight change.

Everything is written in the current transaction, in which the lane also claims its next window.
Each statement names the state and the holder that it expects, and returns the rows that it changed.
Logs, signals, counts and attempts are about those rows only.
"""

import json
import logging
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_noop

from mailroom import signals
from mailroom.addresses import address_key
from mailroom.models import Attempt, Delivery, Event, Message, OutcomeCount
from mailroom.models.delivery import NOT_IN_FLIGHT, DeliveryQuerySet
from mailroom.outcomes import Fault, Outcome, Verdict

logger = logging.getLogger(__name__)

State = Delivery.State

# RFC 5321 section 4.5.4.1: retries go on for at least four to five days.
GIVE_UP_AFTER = timedelta(days=5)
LONGEST_WAIT = 3600.0  # seconds between two tries
LONGEST_RETRY_AFTER = 86_400.0  # seconds, whatever a provider asks for
# A row that was used to test a provider that failed goes behind the others, so that no row can
# block the queue. In seconds; longer for the account, which a person has to fix.
BEHIND_OTHERS = {Fault.TRANSPORT: 1.0, Fault.ACCOUNT: 60.0}
# Why a delivery failed that was never handed to a provider: it is not a bounce.
UNSENDABLE = gettext_noop("could not be built")

SIGNAL_OF_STATE = {
    State.SENT: signals.sent,
    State.FAILED: signals.failed,
    State.UNCERTAIN: signals.uncertain,
    State.SKIPPED: signals.skipped,
}


class Change(NamedTuple):
    """A row as it was written, and its outcome; None if it was not handed to a provider."""

    delivery: Delivery
    outcome: Outcome | None


class Results(NamedTuple):
    """The results of a window by the delivery's id; a row in none of them was not sent."""

    outcomes: dict[int, Outcome]
    skipped: dict[int, str]  # the reason
    unsendable: dict[int, str]  # the error of a row that could not be built or checked


def complete(
    window: Sequence[Delivery], results: Results, holder: str
) -> tuple[list[Change], list[Event]]:
    """Record the results of a window in the current transaction.

    Returns the rows that changed, and the stored hard bounces whose effects are still to come.

    A row without a result was not handed over and is queued as before. A row that was settled
    meanwhile is not changed, except by an acceptance: that also settles rows that are uncertain or
    queued again.
    """
    now = timezone.now()
    faults = _provider_faults(window, results.outcomes)
    given_up = _given_up(window, results.outcomes, now)
    answers: dict[int, Outcome] = {}  # of what was handed over
    tried: set[int] = set()  # one outcome may be shared by many rows: the first was handed over
    writes: dict[tuple[tuple[str, Any], ...], list[Delivery]] = {}
    for one in window:
        columns: dict[str, Any]
        pk = one.pk
        outcome = results.outcomes.get(pk)
        if reason := results.skipped.get(pk):
            columns = {"state": State.SKIPPED, "reason": reason[:100], "finished_at": now}
        elif error := results.unsendable.get(pk):
            columns = {"state": State.FAILED, "reason": UNSENDABLE, "error": error}
            columns |= {"alias": "", "finished_at": now}
        elif outcome is None or (pk in faults and id(outcome) in tried):
            columns = {"state": State.QUEUED, "attempts": one.attempts - 1}
        else:
            tried.add(id(outcome))
            answers[pk] = outcome
            columns = _columns(
                one, outcome, now, is_providers=pk in faults, is_given_up=pk in given_up
            )
        writes.setdefault(tuple(columns.items()), []).append(one)
    if any(dict(columns)["state"] == State.QUEUED for columns in writes):
        writes = _without_cancelled(writes, now)
    changed: list[Change] = []
    for columns_, rows in writes.items():
        written = _write(dict(columns_), rows, answers, holder)
        changed += [Change(one, answers.get(one.pk)) for one in written]
    ended = [change.delivery for change in changed if change.delivery.state != State.QUEUED]
    OutcomeCount.add(Counter(one.counted_as for one in ended))
    Attempt.objects.bulk_create(_attempts(changed, now))
    gone = [pair for pair in changed if pair.outcome and pair.outcome.fault is Fault.RECIPIENT]
    bounces = Event.objects.bulk_create(_hard_bounce(*pair) for pair in gone)
    erase_finished({one.message_id for one in ended if one.message.is_secret})
    return changed, bounces


def announce(changed: Iterable[Change]) -> None:
    """Log and signal the changes, after the commit. A receiver that raises changes nothing."""
    for one, outcome in changed:
        if outcome:
            _log(one, outcome)
        send_signal(one)
        if one.state == State.QUEUED and outcome and outcome.fault is Fault.ACCOUNT:
            _send(signals.account_refused, one, error=outcome.error)


def send_signal(delivery: Delivery) -> None:
    """Send the signal for the delivery's state, if there is one."""
    if signal := SIGNAL_OF_STATE.get(State(delivery.state)):
        _send(signal, delivery)


def erase_finished(messages: set[int]) -> None:
    """Erase secret messages that have no delivery left to send."""
    if messages:
        done = Message.objects.finished().filter(pk__in=messages, is_secret=True, erased_at=None)
        done.update(body="", content={}, erased_at=timezone.now())


def keep_overwritten(rows: DeliveryQuerySet) -> None:
    """Store uncertain rows as attempts before evidence overwrites them."""
    uncertain = list(rows.filter(state=State.UNCERTAIN).select_for_update())
    Attempt.objects.bulk_create(map(Attempt.of, uncertain))
    counts = Counter(one.counted_as for one in uncertain)
    OutcomeCount.add({key: -number for key, number in counts.items()})


# -- What each outcome changes ----------------------------------------------------------------


def _provider_faults(window: Sequence[Delivery], outcomes: Mapping[int, Outcome]) -> set[int]:
    """The rows that were refused because of the provider, not because of themselves.

    A refusal of the account counts as the row's own if the same provider accepted others.
    """
    accepted_by: set[str] = set()
    faults: dict[int, tuple[str, Fault]] = {}
    for one in window:
        if (outcome := outcomes.get(one.pk)) is None:
            continue
        if outcome.verdict is Verdict.ACCEPTED:
            accepted_by.add(one.alias)
        elif outcome.verdict is Verdict.FOR_NOW and outcome.fault in BEHIND_OTHERS:
            faults[one.pk] = (one.alias, outcome.fault)
    return {
        pk
        for pk, (alias, fault) in faults.items()
        if fault is Fault.TRANSPORT or alias not in accepted_by
    }


def _given_up(
    window: Sequence[Delivery], outcomes: Mapping[int, Outcome], now: datetime
) -> set[int]:
    """The rows refused for now that were last queued, released or sent again too long ago."""
    limit = now - GIVE_UP_AFTER
    old = {
        one.pk: one.message_id
        for one in window
        if one.created_at < limit
        and (outcome := outcomes.get(one.pk))
        and outcome.verdict not in {Verdict.ACCEPTED, Verdict.FOR_GOOD}
    }
    if not old:
        return set()
    messages = Message.objects.filter(pk__in=set(old.values()), released_at__gte=limit)
    released = set(messages.values_list("pk", flat=True))
    attempts = Attempt.objects.filter(delivery__in=old, requeued_at__gte=limit)
    again = set(attempts.values_list("delivery", flat=True))
    return {pk for pk, message in old.items() if message not in released and pk not in again}


def _columns(
    one: Delivery, outcome: Outcome, now: datetime, *, is_providers: bool, is_given_up: bool
) -> dict[str, Any]:
    """The columns that an outcome changes.

    is_providers: only the provider is at fault. is_given_up: it is not tried again.
    """
    common: dict[str, Any] = {"alias": one.alias, "error": outcome.error}
    if outcome.verdict is Verdict.ACCEPTED:
        return {**common, "state": State.SENT, "error": "", "reason": "", "finished_at": now}
    if outcome.verdict is Verdict.UNKNOWN and one.message.is_bulk:
        return {**common, "state": State.UNCERTAIN, "finished_at": now}
    if outcome.verdict is Verdict.FOR_GOOD or is_given_up:
        reason = UNSENDABLE if outcome.fault is Fault.CONTENT else ""
        return {**common, "state": State.FAILED, "reason": reason, "finished_at": now}
    attempts = one.attempts
    if is_providers:
        wait = BEHIND_OTHERS[outcome.fault]
    elif outcome.retry_after:  # followed exactly, and no attempt counts
        attempts, wait = attempts - 1, min(outcome.retry_after, LONGEST_RETRY_AFTER)
    else:
        wait = next_wait(attempts)
    when = now + timedelta(seconds=wait)
    return {**common, "state": State.QUEUED, "not_before": when, "attempts": attempts}


def next_wait(attempts: int) -> float:
    """Seconds until the next try after `attempts`: doubling, with jitter, at most an hour."""
    doubled = settings.MAIL_RETRY_SECONDS * 2 ** min(attempts - 1, 12)
    return float(min(doubled, LONGEST_WAIT) * random.uniform(0.8, 1.2))  # noqa: S311


def _without_cancelled(
    writes: dict[tuple[tuple[str, Any], ...], list[Delivery]], now: datetime
) -> dict[tuple[tuple[str, Any], ...], list[Delivery]]:
    """Skip rows, instead of queueing them again, if their message was cancelled meanwhile."""
    again = {
        one.message_id
        for columns, rows in writes.items()
        for one in rows
        if dict(columns)["state"] == State.QUEUED
    }
    stopped = Message.objects.filter(pk__in=again).exclude(cancel_reason="")
    reasons = dict(stopped.values_list("pk", "cancel_reason"))
    if not reasons:
        return writes
    found: dict[tuple[tuple[str, Any], ...], list[Delivery]] = {}
    for columns, rows in writes.items():
        for one in rows:
            own = columns
            if dict(columns)["state"] == State.QUEUED and one.message_id in reasons:
                skipped = {"state": State.SKIPPED, "reason": reasons[one.message_id]}
                own = tuple((skipped | {"finished_at": now}).items())
            found.setdefault(own, []).append(one)
    return found


# -- Writing ----------------------------------------------------------------------------------


def _write(
    columns: dict[str, Any],
    rows: Sequence[Delivery],
    outcomes: Mapping[int, Outcome],
    holder: str,
) -> list[Delivery]:
    """Write the same columns to the rows that are still ours; the changed rows, up to date."""
    by_id = {one.pk: one for one in rows}
    is_sent = columns["state"] == State.SENT
    ids = {
        one.pk: outcomes[one.pk].provider_id.replace("\x00", "")[:200]
        for one in rows
        if is_sent and outcomes[one.pk].provider_id
    }
    written = columns | NOT_IN_FLIGHT
    if ids:
        written["provider_id"] = _provider_ids(ids, len(rows))
    ours = Delivery.objects.in_flight(holder).filter(pk__any_of=list(by_id))
    changed = ours.update_returning(**written)
    if is_sent and len(changed) < len(rows):
        late = Delivery.objects.filter(pk__any_of=list(set(by_id) - set(changed)))
        in_doubt = late.filter(state__in=[State.UNCERTAIN, State.QUEUED])
        keep_overwritten(in_doubt)
        changed += in_doubt.update_returning(**written)
    for pk in changed:
        own = {"provider_id": ids[pk]} if pk in ids else {}
        vars(by_id[pk]).update(columns | NOT_IN_FLIGHT | own)
    return [by_id[pk] for pk in changed]


def _provider_ids(ids: Mapping[int, str], rows: int) -> Any:
    """The provider's id of each row as one expression, from a JSON object by the row's id."""
    if len(ids) == rows and len(set(ids.values())) == 1:
        return next(iter(ids.values()))
    by_key = {
        "postgresql": "(%s::jsonb ->> mailroom_delivery.id::text)",
        "sqlite": "json_extract(%s, '$.\"' || mailroom_delivery.id || '\"')",
    }
    own = RawSQL(by_key[connection.vendor], [json.dumps(ids)])  # noqa: S611  (a constant)
    return Coalesce(own, F("provider_id"))


def _attempts(changed: Iterable[Change], now: datetime) -> list[Attempt]:
    """Refusals that another try follows, which the rows themselves don't keep.

    A provider's fault is stored once for all bulk rows of a window.
    """
    kept: list[Attempt] = []
    faults: dict[tuple[str, str], Attempt] = {}
    for one, outcome in changed:
        tries = list(getattr(one, "refused_by", []))  # before the provider that had it last
        if one.state == State.QUEUED and outcome:
            tries.append((one.alias, outcome, now))
        for alias, refusal, at in tries:
            is_unknown = refusal.verdict is Verdict.UNKNOWN
            result = Attempt.Outcome.UNCERTAIN if is_unknown else Attempt.Outcome.REFUSED
            attempt = Attempt(alias=alias, outcome=result, error=refusal.error, at=at)
            if one.message.is_bulk and refusal.fault in BEHIND_OTHERS:
                faults.setdefault((alias, refusal.error), attempt)
            else:
                attempt.delivery = one
                kept.append(attempt)
    return [*kept, *faults.values()]


def _hard_bounce(delivery: Delivery, outcome: Outcome | None) -> Event:
    """The event for an address that the server refused for good, as a webhook would report it.

    It is stored with the outcome, so that its effects survive if the worker dies here.
    """
    return Event(
        provider=delivery.alias[:50],
        event_id=uuid.uuid4().hex,
        kind=Event.Kind.HARD_BOUNCE,
        told_delivery=delivery.pk,
        address=address_key(delivery.address),
        description=outcome.error if outcome else "",
    )


# -- Afterwards -------------------------------------------------------------------------------


def _log(one: Delivery, outcome: Outcome) -> None:
    """Log each transactional email, and everything that was not accepted."""
    if outcome.verdict is Verdict.ACCEPTED and one.message.is_bulk:
        return
    logger.info(
        "Delivery %s by %s: %s.",
        one.pk,
        one.alias,
        outcome.verdict.value,
        extra={"delivery_id": one.pk},
    )


def _send(signal: Any, delivery: Delivery, **more: Any) -> None:
    if not signal.has_listeners(Delivery):
        return
    details = {"channel": delivery.channel, "alias": delivery.alias, "delivery": delivery, **more}
    for _, answer in signal.send_robust(Delivery, **details):
        if isinstance(answer, Exception):
            logger.error("A receiver of an email signal failed.", exc_info=answer)
