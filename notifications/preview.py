"""A mail as one reader gets it, by the very path that sends."""

from collections.abc import Callable

from django.core.mail import EmailMultiAlternatives
from django.db import transaction

from mailroom.messages import TemplatedMessage
from mailroom.messages.serializers import build
from mailroom.models import Delivery
from mailroom.outbox import freeze

NO_USER = 0  # no user and no notification has this number: the links of a preview change nothing


def preview_email(
    make: Callable[[], TemplatedMessage], kind: str, address: str
) -> EmailMultiAlternatives:
    """What `make` writes, addressed. Nothing is stored: the transaction is rolled back."""
    with transaction.atomic():
        message = freeze(make())
        values = {"kind": kind, "user": NO_USER, "notification": NO_USER}
        mail = build(message, [Delivery(message=message, address=address, values=values)])
        transaction.set_rollback(True)
    return mail
