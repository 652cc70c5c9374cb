"""Erase a person's data from what was sent and what is still to be sent."""

from email.utils import parseaddr

from django.db import transaction
from django.db.models import CharField, Q, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from mailroom.addresses import address_key
from mailroom.models import Attempt, Delivery, Event, Message, Suppression

ADDRESS_FIELDS = ("to", "cc", "bcc")


@transaction.atomic
def forget_address(address: str) -> None:
    """Take an address out of deliveries, messages, attempts, events and suppressions.

    What waits is not sent any more, and can't be queued again. Other recipients of the same message
    get what they would have got, less this address in To and Cc; a message that only this address
    got is erased. That it must get no mail stays known, by a keyed hash. Numbers of what was sent
    stay.
    """
    own = Delivery.objects.of(address)
    named = set(own.filter(_names_recipients()).values_list("message_id", flat=True))
    own.unfinished().update(
        state=Delivery.State.SKIPPED, reason="forgotten", finished_at=timezone.now()
    )
    Attempt.objects.filter(delivery__in=own).update(error="")
    nobody = Concat(Value(Delivery.ERASED), Cast("pk", CharField()))
    own.update(address=nobody, address_key=nobody, name="", values={}, error="")
    for message in Message.objects.filter(pk__in=named).select_for_update():
        _leave_out(message, address)
    Event.objects.filter(address=address_key(address)).update(address="", description="")
    Suppression.objects.anonymise(address)


def _names_recipients() -> Q:
    return ~Q(message__to=[]) | ~Q(message__cc=[]) | ~Q(message__bcc=[])


def _leave_out(message: Message, address: str) -> None:
    """Take an address out of a message's To, Cc and Bcc; erase one that nobody else got."""
    key = address_key(address)
    for name in ADDRESS_FIELDS:
        texts = getattr(message, name)
        left = [text for text in texts if address_key(parseaddr(text)[1]) != key]
        setattr(message, name, left)
    message.save(update_fields=ADDRESS_FIELDS)
    if not message.deliveries.exclude(address__startswith=Delivery.ERASED).exists():
        message.subject = ""
        message.save(update_fields=["subject"])
        message.erase()
