"""Addresses that name a delivery and are signed: VERP envelope senders, and mailto unsubscribe.

`bounces@example.com` becomes `bounces+<sealed delivery id>@example.com`. Only what comes to such an
address is believed: From, To and the text of an email are anybody's to write.
"""

import re
from email.message import Message
from typing import Final

from django.conf import settings

from mailroom.keyed import seal, unseal

BOUNCE: Final = "mailroom.bounce"
UNSUBSCRIBE: Final = "mailroom.unsubscribe"
TOKEN = re.compile(r"\+([a-z2-7]{26})@", re.IGNORECASE)

# Where mail servers write the address that an email was delivered to.
DELIVERED = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-RCPT-To", "To")
MOST_ADDRESSES = 50  # in one email: each costs a signature


def return_path(delivery_id: int | None) -> str:
    """The envelope sender (RFC 5321 section 3.6.3) of a delivery, "" for that of the message."""
    return _signed(settings.MAIL_BOUNCE_ADDRESS, BOUNCE, delivery_id)


def unsubscribe_address(delivery_id: int | None) -> str:
    """The address that ends a subscription by an email to it, "" where there is no mailbox."""
    return _signed(settings.UNSUBSCRIBE_MAILBOX, UNSUBSCRIBE, delivery_id)


def _signed(address: str, purpose: str, delivery_id: int | None) -> str:
    if not address or delivery_id is None:  # a preview has no delivery
        return address
    local, _at, domain = address.rpartition("@")
    return f"{local}+{seal(purpose, delivery_id)}@{domain}"


def delivery_named(purpose: str, *texts: str) -> int | None:
    """The delivery that the first signed address in the texts names."""
    tokens = [token for text in texts for token in TOKEN.findall(text)][:MOST_ADDRESSES]
    return next((pk for token in tokens if (pk := unseal(purpose, token)) is not None), None)


def recipients(email: Message) -> list[str]:
    """The headers of an incoming email that may hold the address it was delivered to."""
    return [str(value) for name in DELIVERED for value in email.get_all(name, [])]
