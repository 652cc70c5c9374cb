"""Forgetting a person who asks for it: their address goes from all that was sent."""

from django.db import transaction
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from mailroom.addresses import address_key
from mailroom.models import Delivery, Event, Suppression


@transaction.atomic
def forget_address(address: str) -> None:
    """Take an address out of deliveries, events and suppressions.

    What waits is not sent any more. That it must get no mail stays known, by a keyed hash. Numbers
    of what was sent stay. Messages that were addressed to it by name go whole.
    """
    own = Delivery.objects.of(address)
    alone = own.exclude(message__to=[]).values_list("message_id", flat=True)
    own.unfinished().update(
        state=Delivery.State.SKIPPED, reason="forgotten", finished_at=timezone.now()
    )
    for message_id in set(alone):
        _erase(message_id)
    nobody = Concat(Value("forgotten:"), Cast("pk", CharField()))
    own.update(address=nobody, address_key=nobody, name="", values={}, error="")
    Event.objects.filter(address=address_key(address)).update(address="", description="")
    Suppression.objects.anonymise(address)


def _erase(message_id: int) -> None:
    from mailroom.models import Message

    message = Message.objects.get(pk=message_id)
    message.to, message.cc, message.bcc, message.subject = [], [], [], ""
    message.save(update_fields=["to", "cc", "bcc", "subject"])
    message.erase()
