"""Handing one mail to one provider."""

from collections.abc import Callable
from copy import copy, deepcopy
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from mailroom import breaker
from mailroom.outcomes import ACCEPTED, classify
from mailroom.ready import ReadyMail

RESULTS = ("outcomes", "anymail_status")  # what a provider leaves on a message


def hand_over(opened: Callable[[], BaseEmailBackend], alias: str, message: EmailMessage) -> int:
    """Hand a copy of the message to the provider `alias`, and tell its breaker what became of it.

    opened: returns the provider's backend with its connection open. What the provider does to the
    copy never reaches the next one; its results and `carried_by` stand on the message afterwards.
    Raises what the provider raises.
    """
    for name in RESULTS:  # what an earlier provider said is no answer of this one
        vars(message).pop(name, None)
    message.carried_by = alias  # type: ignore[attr-defined]
    attempt = message
    try:
        mailer = opened()
        attempt = _attempt(message, mailer, settings.MAILER_SENDERS.get(alias, ""))
        count = mailer.send_messages([attempt]) or 0
    except Exception as error:
        breaker.report(alias, classify(error))
        raise
    finally:
        _copy_results(attempt, message)
    breaker.report(alias, ACCEPTED)
    return count


def _attempt(message: EmailMessage, mailer: BaseEmailBackend, sender: str) -> EmailMessage:
    """What this mailer gets: ready bytes where it takes them, else a copy of the message."""
    if isinstance(message, ReadyMail):
        if not sender and getattr(mailer, "takes_bytes", False):
            return copy(message)
        message = message.whole()
    attempt = deepcopy(message)
    _send_as(attempt, sender)
    return attempt


def _copy_results(attempt: Any, message: Any) -> None:
    for name in RESULTS:
        if name in vars(attempt):
            setattr(message, name, getattr(attempt, name))


def _send_as(message: EmailMessage, sender: str) -> None:
    """Put on the From that this provider may send as; answers still reach who wrote."""
    if not sender or parseaddr(sender) == parseaddr(message.from_email):
        return
    message.reply_to = message.reply_to or [message.from_email]
    message.from_email = sender
