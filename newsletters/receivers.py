"""What a provider says of an issue's mail ends the subscription it was sent for."""

from typing import Any

from mailroom.models import Delivery
from newsletters.models import Subscription


def leave(sender: object, address: str, delivery: Delivery | None, **kwargs: Any) -> None:
    """Who complains, or leaves by the provider's own link, is unsubscribed.

    From that list where the mail is known, else from all of them: a complaint about nothing in
    particular is about all that comes from here.
    """
    if delivery is None:
        rows = Subscription.objects.of(address)
    elif delivery.message.type == "newsletters.issue":
        rows = Subscription.objects.filter(pk=delivery.values.get("subscription"))
    else:
        return  # something else was complained about
    for subscription in rows:
        subscription.unsubscribe(delivery=delivery)
