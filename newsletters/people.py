"""What becomes of subscriptions when an account changes its address or goes."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from newsletters.models import Subscription


@transaction.atomic
def carry_along(old: str, new: str) -> None:
    """Move the subscriptions of an address to the one that its owner has proven instead.

    Where the new address has one already, its own word counts, unless it only waits for an answer.
    """
    known = {row.newsletter_id: row for row in Subscription.objects.of(new)}
    for row in Subscription.objects.of(old):
        other = known.get(row.newsletter_id)
        if other is None:
            row.move_to(new)
        else:
            if row.is_confirmed and other.is_pending:
                other.confirm(by_mail=False)
            row.unsubscribe()


def address_changed(
    sender: object,
    from_email_address: Any = None,
    to_email_address: Any = None,
    **kwargs: Any,
) -> None:
    if from_email_address and to_email_address and to_email_address.verified:
        carry_along(from_email_address.email, to_email_address.email)


def account_deleted(sender: object, instance: AbstractBaseUser, **kwargs: Any) -> None:
    """Whoever deletes an account expects silence."""
    for subscription in Subscription.objects.of(getattr(instance, "email", "")):
        subscription.unsubscribe()
