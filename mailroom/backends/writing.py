"""From a message to the letter that goes over the wire."""

import email.policy
import smtplib
from collections.abc import Callable
from copy import copy
from email.utils import parseaddr

from django.core.mail import EmailMessage

from mailroom.addresses import for_wire
from mailroom.backends.letter import Letter
from mailroom.ready import PersonalMail
from mailroom.wire_text import is_plain_address


class Writer:
    """Writes letters.

    prep_address: makes the envelope's address of one that is not plain, as Django's SMTP backend
    does; raises ValueError for what no address is.
    """

    def __init__(self, prep_address: Callable[[str], str]) -> None:
        self._prep_address = prep_address
        self._senders: dict[str, str] = {}

    def letter(self, message: EmailMessage, connection: smtplib.SMTP) -> Letter | Exception | None:
        """The letter of a message for an open connection; None for one without recipients.

        The exception where the message can't be written.
        """
        try:
            if isinstance(message, PersonalMail) and not message.wire:
                message = message.whole()  # with its name, which may be one that is refused
            message = _as_on_the_wire(message)
            recipients = {self._address(text): bare(text) for text in message.recipients()}
            if not recipients:
                return None
            content = _content_of(message)
            sender = self._sender(message.from_email)
        except Exception as error:  # noqa: BLE001  (an attachment's file may raise anything)
            return error
        is_dotless = isinstance(message, PersonalMail) and message.is_dotless
        options = _mail_options(content, connection)
        return Letter(sender, recipients, content, options, is_dotless=is_dotless)

    def _address(self, text: str) -> str:
        return text if is_plain_address(text) else self._prep_address(text)

    def _sender(self, text: str) -> str:
        """The envelope's sender; the same one many times, and slow to parse."""
        if text not in self._senders:
            self._senders[text] = self._prep_address(text)
        return self._senders[text]


def _as_on_the_wire(message: EmailMessage) -> EmailMessage:
    """The message with A-labels for domains: Django's own punycode sends faß.de to fass.de."""
    fields = ("to", "cc", "bcc", "reply_to")
    texts = [message.from_email, *(text for name in fields for text in getattr(message, name))]
    if all(str(text).isascii() for text in texts):
        return message
    wired = copy(message)
    wired.from_email = for_wire(str(message.from_email))
    for name in fields:
        setattr(wired, name, [for_wire(str(text)) for text in getattr(message, name)])
    return wired


def bare(text: str) -> str:
    """The address of a recipient in lower case, by which outcomes are told apart."""
    return (text if is_plain_address(text) else parseaddr(text)[1]).lower()


def _content_of(message: EmailMessage) -> bytes:
    if isinstance(message, PersonalMail) and message.wire:
        return message.wire
    content: bytes = message.message(policy=email.policy.SMTP).as_bytes()
    return content


def _mail_options(content: bytes, connection: smtplib.SMTP) -> list[str]:
    """What MAIL says of the content, where the server wants to know (RFC 1870, RFC 6152)."""
    if not connection.does_esmtp:
        return []
    size = [f"size={len(content)}"] if connection.has_extn("size") else []
    is_8bit = not content.isascii() and connection.has_extn("8bitmime")
    return [*size, *(["body=8bitmime"] if is_8bit else [])]
