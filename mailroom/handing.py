"""Handing mails over: to a provider, or to a route that hands them on."""

import logging
from collections.abc import Callable, Sequence
from copy import deepcopy
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from mailroom import breaker, staging
from mailroom.api_outcomes import was_accepted
from mailroom.channels import children
from mailroom.outcomes import ACCEPTED, classify, is_down
from mailroom.ready import PersonalMail

logger = logging.getLogger(__name__)

RESULTS = ("outcomes", "anymail_status")  # what a provider leaves on a message
Errors = list[Exception | None]


def carry_each(
    opened: Callable[[], BaseEmailBackend], alias: str, messages: Sequence[EmailMessage]
) -> Errors:
    """Send messages by the provider or the route `alias`; arguments and result as below."""
    if not children(alias):
        return hand_over_each(opened, alias, messages)
    try:
        route: Any = opened()
    except Exception as error:  # noqa: BLE001  (backends may raise anything: it is classified)
        return [error] * len(messages)
    errors: Errors = route.send_each(messages)
    return errors


def hand_over(opened: Callable[[], BaseEmailBackend], alias: str, message: EmailMessage) -> None:
    """Hand one message to a provider, as `hand_over_each` does. Raises what the provider raises."""
    (error,) = hand_over_each(opened, alias, [message])
    if error:
        raise error


def hand_over_each(
    opened: Callable[[], BaseEmailBackend], alias: str, messages: Sequence[EmailMessage]
) -> Errors:
    """Hand copies of messages to the provider `alias`, and tell its breaker what became of them.

    opened: returns the provider's backend with its connection open. What the provider does to a
    copy never reaches the next one; its results, `carried_by` and, where it refused, an entry of
    `refused_by` stand on the message afterwards. For each message None, or what the provider raises
    for it.
    """
    for message in messages:
        message.carried_by = alias  # type: ignore[attr-defined]
        for name in RESULTS:  # what an earlier provider said is no answer of this one
            vars(message).pop(name, None)
    try:
        mailer = opened()
    except Exception as error:  # noqa: BLE001  (backends may raise anything: it is classified)
        errors: Errors = [error] * len(messages)
    else:
        errors = _send_each(mailer, alias, messages)
    _report(alias, errors)
    _note_refusals(alias, messages, errors)
    return errors


def _send_each(mailer: Any, alias: str, messages: Sequence[EmailMessage]) -> Errors:
    sender = settings.MAILER_SENDERS.get(alias, "")
    errors: Errors = [None] * len(messages)
    attempts: dict[int, EmailMessage] = {}
    for place, message in enumerate(messages):
        try:
            attempts[place] = _attempt(message, mailer, sender)
        except Exception as error:  # noqa: BLE001  (a hook of an app may raise anything)
            errors[place] = error
    send = getattr(mailer, "send_each", None) or _one_by_one(mailer)
    answers = send(list(attempts.values()))
    for (place, attempt), answer in zip(attempts.items(), answers, strict=True):
        errors[place] = answer
        if attempt is not messages[place]:
            _copy_results(attempt, messages[place])
    return errors


def _one_by_one(mailer: BaseEmailBackend) -> Callable[[Sequence[EmailMessage]], Errors]:
    """`send_each` for a backend that has none. It stops once the provider is down."""

    def send_each(messages: Sequence[EmailMessage]) -> Errors:
        errors: Errors = []
        for message in messages:
            if is_down(errors):
                errors.append(errors[-1])
                continue
            try:
                mailer.send_messages([message])
                errors.append(None)
            except Exception as error:  # noqa: BLE001
                errors.append(None if _accepted_before(message, error) else error)
        return errors

    return send_each


def _accepted_before(message: EmailMessage, error: Exception) -> bool:
    if accepted := was_accepted(message, error):
        logger.warning("A receiver failed after the mail was accepted: %r", error)
    return accepted


def _attempt(message: EmailMessage, mailer: BaseEmailBackend, sender: str) -> EmailMessage:
    """What this mailer gets: a personal mail where it knows to take one, else a whole copy."""
    if isinstance(message, PersonalMail):
        if not sender and not staging.is_on() and _takes(mailer, message):
            return message  # it holds nothing that a provider could change for the next one
        attempt: EmailMessage = message.whole()
    else:
        attempt = deepcopy(message)
    _send_as(attempt, sender)
    staging.guard(attempt)
    return attempt


def _takes(mailer: Any, message: PersonalMail) -> bool:
    takes_bytes = message.has_wire and getattr(mailer, "takes_bytes", False)
    return takes_bytes or getattr(mailer, "takes_values", False)


def _copy_results(attempt: Any, message: Any) -> None:
    for name in RESULTS:
        if name in vars(attempt):
            setattr(message, name, getattr(attempt, name))


def _report(alias: str, errors: Errors) -> None:
    """Tell the breaker each answer; what several messages share is told once."""
    last: Exception | object | None = object()
    for error in errors:
        if error is not last:
            breaker.report(alias, classify(error) if error else ACCEPTED)
        last = error


def _note_refusals(alias: str, messages: Sequence[EmailMessage], errors: Errors) -> None:
    """Note (alias, outcome, time) on each message that this provider did not take."""
    for message, error in zip(messages, errors, strict=True):
        if error:
            refusal = (alias, classify(error), timezone.now())
            message.refused_by = [*getattr(message, "refused_by", []), refusal]  # type: ignore[attr-defined]


def _send_as(message: EmailMessage, sender: str) -> None:
    """Put on the From that this provider may send as; answers still reach who wrote."""
    if not sender or parseaddr(sender) == parseaddr(message.from_email):
        return
    message.return_path = ""  # type: ignore[attr-defined]  # it may send as no other address
    message.reply_to = message.reply_to or [message.from_email]
    message.from_email = sender
