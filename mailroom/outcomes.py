"""Outcomes: what became of one attempt, and which exception means which.

Every attempt ends as one of four. *Accepted*: the provider answered yes. *Refused for now* and
*refused for good*: it certainly did not take the mail. *Unknown*: it may have. See docs/outcomes.md
for the table with its sources.
"""

import smtplib
import sqlite3

from anymail.exceptions import (
    AnymailCancelSend,
    AnymailRecipientsRefused,
    AnymailRequestsAPIError,
)
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import InvalidMailer, MailerDoesNotExist
from django.db import DatabaseError, InterfaceError, OperationalError

from mailroom.api_outcomes import API_ERRORS, api_error
from mailroom.verdicts import ACCEPTED, Fault, Outcome, OutcomeUnknown, Unbuildable, Verdict

__all__ = [
    "ACCEPTED",
    "Fault",
    "Outcome",
    "OutcomeUnknown",
    "Verdict",
    "classify",
    "describe",
    "is_database_away",
    "is_down",
    "smtp_reply",
]

# RFC 5321 section 4.2.1: 4yz is transient, 5yz permanent. These permanent ones speak of us and not
# of the message: another provider, or the same after a correction, may well take it.
SMTP_ACCOUNT = {530, 534, 535, 538}  # authentication: RFC 4954 section 6


def classify(error: BaseException) -> Outcome:
    """Return the outcome that an exception of a backend's send_messages stands for."""
    text = describe(error)
    match error:
        case Unbuildable():
            return Outcome(Verdict.FOR_GOOD, describe(error.error), fault=Fault.CONTENT)
        case OutcomeUnknown():
            return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)
        case AnymailCancelSend() | AnymailRecipientsRefused():
            return Outcome(Verdict.FOR_GOOD, text, fault=Fault.MESSAGE)
        case _ if isinstance(error, API_ERRORS):
            return api_error(error, text)
        case smtplib.SMTPException():
            return _smtp(error, text)
        case ImproperlyConfigured() | InvalidMailer() | MailerDoesNotExist():
            return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
        case DatabaseError():  # while the message was built: nothing was handed over
            return Outcome(Verdict.FOR_NOW, text)
        case OSError():  # no connection, no TLS: nothing was handed over
            return Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)
        case AttributeError() | LookupError():  # a backend stumbled over an answer it didn't expect
            return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)
    # Anything else was raised while the backend wrote the message: it will be raised again.
    return Outcome(Verdict.FOR_GOOD, text, fault=Fault.CONTENT)


def is_down(error: BaseException) -> bool:
    """True where the provider is at fault and took nothing: the next message needn't try."""
    outcome = classify(error)
    is_its_fault = outcome.fault in {Fault.TRANSPORT, Fault.ACCOUNT}
    return is_its_fault and outcome.verdict is Verdict.FOR_NOW


def is_database_away(error: BaseException) -> bool:
    """True for a lost connection or a locked database, which is no fault of what was being done.

    SQLite also calls a missing table or column an operational error; that one stays.
    """
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return code is None or code & 0xFF != sqlite3.SQLITE_ERROR


def describe(error: BaseException) -> str:
    """The error in the provider's words, in one line, at most 1,000 characters."""
    match error:
        case smtplib.SMTPResponseException():
            words = error.smtp_error
            reply = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
            text = f"{error.smtp_code} {reply}"
        case AnymailRequestsAPIError():
            text = str(error).partition("Sending a message")[0] or str(error)
        case _:
            try:
                text = f"{type(error).__name__}: {error}"
            except Exception:  # noqa: BLE001  (an app's exception may fail to describe itself)
                text = type(error).__name__
    return " ".join(text.replace("\x00", "").split())[:1000]


def smtp_reply(code: int, words: bytes | str) -> Outcome:
    """The outcome of an SMTP reply to MAIL, RCPT or the content (RFC 5321 section 4.2)."""
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    reply = " ".join(f"{code} {text}".split())[:1000]
    if 200 <= code < 300:
        return Outcome(Verdict.ACCEPTED, reply)
    if code in SMTP_ACCOUNT:
        return Outcome(Verdict.FOR_NOW, reply, fault=Fault.ACCOUNT)
    if code == 421:
        return Outcome(Verdict.FOR_NOW, reply, fault=Fault.TRANSPORT)
    if 500 <= code < 600:
        return Outcome(Verdict.FOR_GOOD, reply, fault=Fault.MESSAGE)
    return Outcome(Verdict.FOR_NOW, reply)  # 4yz, and what is no reply at all


def _smtp(error: smtplib.SMTPException, text: str) -> Outcome:
    match error:
        case smtplib.SMTPRecipientsRefused():
            replies = [smtp_reply(*reply) for reply in error.recipients.values()]
            return next((one for one in replies if one.verdict is Verdict.FOR_NOW), replies[0])
        case smtplib.SMTPAuthenticationError():
            return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
        case smtplib.SMTPConnectError() | smtplib.SMTPHeloError():
            return Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)
        case smtplib.SMTPResponseException():
            return smtp_reply(error.smtp_code, error.smtp_error)
    # SMTPServerDisconnected and SMTPNotSupportedError, before the content was handed over.
    return Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)
