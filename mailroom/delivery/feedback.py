"""The effects of stored events: on the delivery, on the address, and on the signals' receivers.

The outcome depends on the set of events alone, not on the order in which they arrived.
"""

import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.tasks import task
from django.utils import timezone
from django.utils.formats import date_format

from mailroom import signals
from mailroom.addresses import address_key
from mailroom.delivery.complete import erase_finished, keep_overwritten, send_signal
from mailroom.models import Delivery, Event, OutcomeCount, Suppression
from mailroom.models.delivery import NOT_IN_FLIGHT
from mailroom.models.queries import locked
from mailroom.tasks import enqueue, queue_name

logger = logging.getLogger(__name__)
_asked_at = float("-inf")

Kind = Event.Kind
Feedback = Delivery.Feedback
Reason = Suppression.Reason

EVENTS_AT_ONCE = 500
LOOK_AGAIN = timedelta(seconds=30)
GIVE_UP = timedelta(minutes=10)  # the provider's id is written within seconds, or never
IN_DOUBT = (Delivery.State.UNCERTAIN, Delivery.State.QUEUED)
SIGNAL_OF_KIND = {
    Kind.COMPLAINED: signals.complained,
    Kind.UNSUBSCRIBED: signals.unsubscribed,
    Kind.HARD_BOUNCE: signals.hard_bounced,
}


def handle_soon() -> None:
    """Have a worker handle what was just stored; asked for at most once a second by a process."""
    global _asked_at  # noqa: PLW0603  (a storm of posts must not become one of tasks)
    if time.monotonic() - _asked_at > 1:
        _asked_at = time.monotonic()
        enqueue(handle_events)


@task(queue_name=queue_name())
def handle_events() -> int:
    """Handle the events that wait. Repeating or losing it does no harm: the rows are the queue."""
    return handle_waiting()


def handle_waiting() -> int:
    """Handle all events whose time has come, each in a transaction of its own; how many."""
    handled = 0
    while ids := list(
        Event.objects.waiting().order_by("pk").values_list("pk", flat=True)[:EVENTS_AT_ONCE]
    ):
        handled += sum(_handle(pk) for pk in ids)
    return handled


def handle(events: Iterable[Event]) -> None:
    """Handle stored events at once; one that can't be now is taken up again later."""
    for event in events:
        _handle(event.pk)


def _handle(pk: int) -> bool:
    try:
        with transaction.atomic():
            event = locked(Event.objects.waiting().filter(pk=pk)).first()
            return event is not None and take_effect(event)
    except Exception:  # one event must not hold up all others
        logger.exception("The event %s could not be handled; it is tried again.", pk)
        Event.objects.filter(pk=pk).update(look_at=timezone.now() + GIVE_UP)
        return False


def take_effect(event: Event) -> bool:
    """Do all that follows from an event, in the caller's transaction; False where it has to wait.

    The provider may be quicker than the worker that records the provider's id.
    """
    now = timezone.now()
    event.delivery = _delivery_of(event)
    names_one = event.told_delivery or event.told_provider_id
    if event.delivery is None and names_one and now - event.received_at < GIVE_UP:
        event.look_at = now + LOOK_AGAIN
        event.save(update_fields=["look_at"])
        return False
    is_erased = event.delivery and event.delivery.address.startswith(Delivery.ERASED)
    if event.delivery and not is_erased and (event.is_signed or not event.address):
        event.address = address_key(event.delivery.address)
    event.handled_at = now
    event.save(update_fields=["delivery", "address", "description", "handled_at"])
    if event.delivery:
        _settle(event, event.delivery)
        _update_feedback(event.delivery)
    _suppress(event)
    if signal := SIGNAL_OF_KIND.get(Kind(event.kind)):
        signal.send(Event, address=event.address, delivery=event.delivery)
    return True


def _delivery_of(event: Event) -> Delivery | None:
    """The delivery that an event is about: by our id, else by the provider's. None without either.

    Of a message with several recipients, the one with the event's address.
    """
    # Locked, so that two events of one delivery are summed up one after the other.
    rows = Delivery.objects.select_for_update()
    found = None
    if event.told_delivery:
        found = rows.filter(pk=event.told_delivery).first()
    if found is None and event.told_provider_id:
        # The condition of the partial index is repeated, or SQLite does not use the index.
        named = rows.filter(provider_id=event.told_provider_id).exclude(provider_id="")
        about = named.of(event.address) if event.address else named
        found = about.first()
    if found and found.address.startswith(Delivery.ERASED):
        event.address = event.description = ""  # the report must not bring the address back
        return found
    if found and event.is_signed:
        return found  # however the provider spells the address
    if found and event.address and address_key(found.address) != event.address:
        return rows.filter(message_id=found.message_id).of(event.address).first()
    return found


def _settle(event: Event, delivery: Delivery) -> None:
    """A report proves that the email was accepted: settle what was uncertain or queued again."""
    if delivery.state not in IN_DOUBT or not delivery.attempts or event.kind == Kind.UNKNOWN:
        return
    is_refused = event.kind == Kind.REJECTED
    in_doubt = Delivery.objects.filter(pk=delivery.pk, state__in=IN_DOUBT)
    keep_overwritten(in_doubt)
    settled = in_doubt.update(
        state=Delivery.State.FAILED if is_refused else Delivery.State.SENT,
        provider_id=event.told_provider_id or delivery.provider_id,
        error=event.description if is_refused else "",
        finished_at=timezone.now(),
        **NOT_IN_FLIGHT,
    )
    if settled:
        erase_finished({delivery.message_id})
        delivery.refresh_from_db()
        OutcomeCount.add({delivery.counted_as: 1})
        transaction.on_commit(lambda: send_signal(delivery))


def _update_feedback(delivery: Delivery) -> None:
    handled = delivery.events.exclude(handled_at=None).order_by("happened_at", "pk")
    feedback = feedback_of(handled.values_list("kind", flat=True))
    if feedback != delivery.feedback:
        Delivery.objects.filter(pk=delivery.pk).update(feedback=feedback)


def feedback_of(kinds: Iterable[str]) -> str:
    """The feedback of a delivery by its events' kinds, in the order of their own times."""
    kinds = list(kinds)
    if Kind.COMPLAINED in kinds:
        return Feedback.COMPLAINED
    if Kind.HARD_BOUNCE in kinds:
        return Feedback.BOUNCED
    ends = {
        Kind.DELIVERED: Feedback.DELIVERED,
        Kind.SOFT_BOUNCE: Feedback.BOUNCED,
        Kind.REJECTED: Feedback.BOUNCED,
        Kind.LISTED: Feedback.BOUNCED,
    }
    ended = [ends[Kind(kind)] for kind in kinds if kind in ends]
    return ended[-1] if ended else ""


def _suppress(event: Event) -> None:
    """Stop all email to a dead address, and bulk email on the channel that was complained about."""
    if not event.address:
        return
    if event.kind == Kind.HARD_BOUNCE:
        _stop(event, Reason.BOUNCED)
    elif event.kind in {Kind.COMPLAINED, Kind.LISTED}:
        _stop(event, Reason.COMPLAINED, channel=event.delivery.channel if event.delivery else "")
    elif event.kind == Kind.SOFT_BOUNCE and soft_bounces(event.address) > SOFT_LIMIT:
        _stop(event, Reason.SOFT, days=SOFT_PAUSE_DAYS)
    elif event.kind == Kind.DELIVERED:
        soft = Suppression.objects.active().of(event.address).filter(reason=Reason.SOFT)
        if soft.exists() and soft_bounces(event.address) <= SOFT_LIMIT:
            soft.lift("An email arrived.")


SOFT_HALF_LIFE_DAYS = 7.0
SOFT_LIMIT = 3.0  # about four bounces within a week
SOFT_PAUSE_DAYS = 14
SOFT_WINDOW_DAYS = 60  # what is older weighs less than 1 in 300


def soft_bounces(address: str, now: datetime | None = None) -> float:
    """How often an address bounced lately: each bounce counts 1, half as much a week later.

    An email that arrived since then cancels the bounces before it.
    """
    now = now or timezone.now()
    recent = Event.objects.filter(
        address=address_key(address), happened_at__gt=now - timedelta(days=SOFT_WINDOW_DAYS)
    ).exclude(handled_at=None)
    arrived = recent.filter(kind=Kind.DELIVERED).order_by("-happened_at").first()
    bounces = recent.filter(kind=Kind.SOFT_BOUNCE)
    if arrived:
        bounces = bounces.filter(happened_at__gt=arrived.happened_at)
    times = bounces.values_list("happened_at", flat=True)
    return sum(0.5 ** ((now - at) / timedelta(days=SOFT_HALF_LIFE_DAYS)) for at in times)


# Which of two reasons with the same scope stays: the one that stops more.
WEIGHT = {Reason.SOFT: 0, Reason.MANUAL: 1, Reason.COMPLAINED: 1, Reason.BOUNCED: 2}


def _stop(event: Event, reason: Suppression.Reason, *, channel: str = "", days: int = 0) -> None:
    until = timezone.now() + timedelta(days=days) if days else None
    details = {"reason": reason, "until": until, "evidence": _evidence(event), "tried_at": None}
    scope = Suppression.objects.of(event.address).filter(channel=channel)
    known = scope.select_for_update().first()
    if known is None:
        # Two workers may handle two bounces of one address at once: the second finds a row here.
        row = Suppression(address=event.address, channel=channel, **details)
        Suppression.objects.bulk_create([row], ignore_conflicts=True)
        known = scope.select_for_update().first()
    if known is None or (known.is_active and WEIGHT[Reason(known.reason)] >= WEIGHT[reason]):
        return
    if known.until and known.until <= timezone.now() and event.happened_at <= known.until:
        return  # it is about the time before somebody lifted the suppression
    Suppression.objects.filter(pk=known.pk).update(**details, created_at=timezone.now())


def _evidence(event: Event) -> str:
    when = date_format(event.happened_at.astimezone(UTC), "DATETIME_FORMAT")
    label = f"{event.provider}, {when} UTC: {event.get_kind_display()}"
    return f"{label}\n{event.description}".strip()
