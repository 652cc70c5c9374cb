"""What follows from an event: for its delivery, for the address, and for who listens.

Every effect depends on the set of events alone, not on the order in which they arrived.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from mailroom import signals
from mailroom.leases import locked
from mailroom.models import Delivery, Event, Suppression
from mailroom.webhooks import scores

logger = logging.getLogger(__name__)

Kind = Event.Kind
Feedback = Delivery.Feedback
Reason = Suppression.Reason

BATCH = 500
LOOK_AGAIN = timedelta(seconds=30)
GIVE_UP = timedelta(minutes=10)  # an outcome is written within seconds, or never
IN_DOUBT = (Delivery.State.UNCERTAIN, Delivery.State.QUEUED)
SIGNALS = {
    Kind.COMPLAINED: signals.complained,
    Kind.UNSUBSCRIBED: signals.unsubscribed,
    Kind.HARD_BOUNCE: signals.hard_bounced,
}


def handle_waiting() -> int:
    """Handle all events whose time has come, each in a transaction of its own; how many."""
    handled = 0
    while ids := list(Event.objects.waiting().order_by("pk").values_list("pk", flat=True)[:BATCH]):
        handled += sum(_handle(pk) for pk in ids)
    return handled


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

    The provider may be quicker than the worker that writes down the provider's id.
    """
    now = timezone.now()
    event.delivery = _delivery_of(event)
    if event.delivery is None and now - event.received_at < GIVE_UP:
        event.look_at = now + LOOK_AGAIN
        event.save(update_fields=["look_at"])
        return False
    if event.delivery and not event.address:
        event.address = event.delivery.address.lower()
    event.handled_at = now
    event.save(update_fields=["delivery", "address", "handled_at"])
    if event.delivery:
        _settle(event, event.delivery)
        _tell_feedback(event.delivery)
    _suppress(event)
    if signal := SIGNALS.get(Kind(event.kind)):
        signal.send(Event, address=event.address, delivery=event.delivery)
    return True


def _delivery_of(event: Event) -> Delivery | None:
    """By our own id, else by the provider's; with several recipients, the one it is about."""
    # Locked, so that two events of one delivery are summed up one after the other.
    rows = Delivery.objects.select_for_update()
    found = None
    if event.told_delivery:
        found = rows.filter(pk=event.told_delivery).first()
    if found is None and event.told_provider_id:
        # What is excluded is told again for SQLite, which else doesn't see that the index serves.
        named = rows.filter(provider_id=event.told_provider_id).exclude(provider_id="")
        about = named.filter(address__iexact=event.address) if event.address else named
        found = about.first()
    if found and event.address and found.address.lower() != event.address:
        siblings = rows.filter(message_id=found.message_id)
        return siblings.filter(address__iexact=event.address).first() or None
    return found


def _settle(event: Event, delivery: Delivery) -> None:
    """Who reports on a mail has accepted it: what was in doubt, or to be sent again, is settled."""
    if delivery.state not in IN_DOUBT or not delivery.attempts:
        return
    is_refused = event.kind == Kind.REJECTED
    Delivery.objects.filter(pk=delivery.pk, state__in=IN_DOUBT).update(
        state=Delivery.State.FAILED if is_refused else Delivery.State.SENT,
        provider_id=event.told_provider_id,
        error=event.description if is_refused else "",
        finished_at=timezone.now(),
        leased_by="",
        leased_until=None,
    )


def _tell_feedback(delivery: Delivery) -> None:
    handled = delivery.events.exclude(handled_at=None).order_by("happened_at", "pk")
    feedback = feedback_of(handled.values_list("kind", flat=True))
    if feedback != delivery.feedback:
        Delivery.objects.filter(pk=delivery.pk).update(feedback=feedback)


def feedback_of(kinds: Iterable[str]) -> str:
    """What a delivery's events, in the order of their own times, come to."""
    kinds = list(kinds)
    if Kind.COMPLAINED in kinds:
        return Feedback.COMPLAINED
    if Kind.HARD_BOUNCE in kinds:
        return Feedback.BOUNCED
    ends = {
        Kind.DELIVERED: Feedback.DELIVERED,
        Kind.SOFT_BOUNCE: Feedback.BOUNCED,
        Kind.REJECTED: Feedback.BOUNCED,
    }
    told = [ends[Kind(kind)] for kind in kinds if kind in ends]
    return told[-1] if told else ""


def _suppress(event: Event) -> None:
    """Stop what must stop: all mail to an address that is gone, the stream complained about."""
    if not event.address:
        return
    if event.kind == Kind.HARD_BOUNCE:
        _stop(event, Reason.BOUNCED)
    elif event.kind == Kind.COMPLAINED:
        _stop(event, Reason.COMPLAINED, channel=event.delivery.channel if event.delivery else "")
    elif event.kind == Kind.SOFT_BOUNCE and scores.is_too_high(event.address):
        _stop(event, Reason.SOFT, days=scores.REST_DAYS)
    elif event.kind == Kind.DELIVERED:
        soft = Suppression.objects.active().of(event.address).filter(reason=Reason.SOFT)
        if soft.exists() and not scores.is_too_high(event.address):
            soft.lift("A mail arrived.")


# Which of two reasons with the same scope stays: the one that stops more.
WEIGHT = {Reason.SOFT: 0, Reason.MANUAL: 1, Reason.COMPLAINED: 1, Reason.BOUNCED: 2}


def _stop(event: Event, reason: Suppression.Reason, *, channel: str = "", days: int = 0) -> None:
    until = timezone.now() + timedelta(days=days) if days else None
    known = Suppression.objects.of(event.address).filter(channel=channel).first()
    told = {"reason": reason, "until": until, "evidence": _evidence(event), "tried_at": None}
    if known is None:
        Suppression.objects.create(address=event.address, channel=channel, **told)
        return
    if known.is_active and WEIGHT[Reason(known.reason)] >= WEIGHT[reason]:
        return
    if known.until and known.until <= timezone.now() and event.happened_at <= known.until:
        return  # it speaks of the time before somebody lifted it
    Suppression.objects.filter(pk=known.pk).update(**told, created_at=timezone.now())


def _evidence(event: Event) -> str:
    label = f"{event.provider}, {event.happened_at:%Y-%m-%d %H:%M} UTC: {event.get_kind_display()}"
    return f"{label}\n{event.description}".strip()
