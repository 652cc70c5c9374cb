"""Outcomes: what became of one attempt, whose fault a refusal is, and which error means which.

Every attempt ends as one of four. *Accepted*: the provider answered yes. *Refused for now* and
*refused for good*: it certainly did not take the message. *Unknown*: it may have. See
docs/outcomes.md for the tables and their sources. Imports nothing but Django, so that the SMTP
backend works in any project.
"""

import enum
import math
import re
import smtplib
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parseaddr, parsedate_to_datetime
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError

from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, InvalidMailer, MailerDoesNotExist
from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils import timezone

from mailroom.masking import hide


class Verdict(enum.Enum):
    """The four outcomes of an attempt."""

    ACCEPTED = "accepted"
    FOR_NOW = "refused for now"
    FOR_GOOD = "refused for good"
    UNKNOWN = "unknown"


class Fault(enum.Enum):
    """Whose fault it is.

    Those of the transport and of the account count against the provider. RECIPIENT: the address
    does not exist, which is a hard bounce. CONTENT: the message could not be built, and no provider
    was asked about it. MESSAGE: anything else about this one message.
    """

    NONE = ""
    TRANSPORT = "transport"
    ACCOUNT = "account"
    MESSAGE = "message"
    RECIPIENT = "recipient"
    CONTENT = "content"


class Outcome(NamedTuple):
    """One attempt's end: verdict, the provider's words, its id, seconds to wait, whose fault."""

    verdict: Verdict
    error: str = ""
    provider_id: str = ""
    retry_after: float | None = None
    fault: Fault = Fault.NONE


class OutcomeUnknown(Exception):  # noqa: N818  (named after the outcome)
    """The content was handed over and no answer came: it may have been accepted."""


class Unbuildable(Exception):  # noqa: N818  (named after the outcome)
    """A message that can't be built, and never will be. error: what was raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class QuotaUsedUp(Exception):  # noqa: N818  (named after the outcome)
    """A route's quota is used up, and there is nobody else who could take the message now."""


class NotStarted(Exception):  # noqa: N818  (named after the outcome)
    """The message was not handed over: its worker has to stop, or has it for too long already."""


def may_start(message: object) -> bool:
    """Whether a message may still be handed over; the engine puts the question on it."""
    ask = getattr(message, "may_start", None)
    return bool(ask()) if ask else True


ACCEPTED = Outcome(Verdict.ACCEPTED)
PROVIDER_FAULTS = frozenset({Fault.TRANSPORT, Fault.ACCOUNT})
QUOTA_RETRY_SECONDS = 60.0
IN_A_ROW = 3  # refusals of the account, before no further message is tried


def classify(error: BaseException) -> Outcome:
    """Return the outcome that an exception of a backend's send_messages stands for.

    An exception may say it itself, by an attribute `outcome`.
    """
    own = getattr(error, "outcome", None)
    return own if isinstance(own, Outcome) else _classify(error)


def _classify(error: BaseException) -> Outcome:
    text = describe(error)
    if api := _api(error, text):
        return api
    match error:
        case Unbuildable():
            return Outcome(Verdict.FOR_GOOD, describe(error.error), fault=Fault.CONTENT)
        case QuotaUsedUp():
            return Outcome(Verdict.FOR_NOW, text, retry_after=QUOTA_RETRY_SECONDS)
        case OutcomeUnknown():
            return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)
        case smtplib.SMTPException():
            return _smtp(error, text)
        case ImproperlyConfigured() | InvalidMailer() | MailerDoesNotExist() | ImportError():
            return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
        case DatabaseError():  # while the message was built: nothing was handed over
            return Outcome(Verdict.FOR_NOW, text)
        case OSError():  # no connection, no TLS: nothing was handed over
            return Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)
        case AttributeError() | LookupError() | HTTPException():  # an unexpected answer, or half
            return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)
    # Anything else was raised while the backend wrote the message: it will be raised again.
    return Outcome(Verdict.FOR_GOOD, text, fault=Fault.CONTENT)


def lost_answer(error: Exception) -> bool:
    """Return whether a plain backend lost its connection when the message may have been accepted.

    Such a backend does not say where it was. By its traceback it was still connecting where a
    function that connects, signs in or names the sender raised; else nobody knows.
    """
    kinds = (TimeoutError, ConnectionError, smtplib.SMTPServerDisconnected, HTTPException)
    reason = error.reason if isinstance(error, URLError) else error
    if not isinstance(reason, kinds) or isinstance(reason, ConnectionRefusedError):
        return False
    step = error.__traceback__
    while step:
        frame = step.tb_frame
        if frame.f_globals.get("__name__") in STANDARD and frame.f_code.co_name in BEFORE_CONTENT:
            return False
        step = step.tb_next
    return True


STANDARD = {"socket", "ssl", "smtplib", "http.client"}
# Names of functions there.
BEFORE_CONTENT = {
    *("create_connection", "getaddrinfo", "do_handshake", "connect", "starttls"),
    *("ehlo", "helo", "ehlo_or_helo_if_needed", "login", "auth", "mail", "rcpt", "rset"),
}


def is_down(errors: Sequence[Exception | None]) -> bool:
    """Return whether the next message needn't try: the provider took nothing and is at fault.

    errors: the provider's latest answers in their order, None where it accepted. A fault of the
    transport or a wish to wait is enough; a fault of the account may be about one message's sender,
    so it takes several in a row.
    """
    if not errors or errors[-1] is None:
        return False
    latest = classify(errors[-1])
    if latest.verdict is not Verdict.FOR_NOW:
        return False
    waits = latest.fault is Fault.TRANSPORT or latest.retry_after is not None
    return waits or refuses_account(errors)


def refuses_account(errors: Sequence[Exception | None]) -> bool:
    """Return whether the latest of a provider's answers are refusals of the account, in a row."""
    latest = errors[-IN_A_ROW:]
    refusals = [error for error in latest if error and classify(error).fault is Fault.ACCOUNT]
    return len(refusals) == IN_A_ROW


def is_database_away(error: BaseException) -> bool:
    """True for a lost connection or a locked database, which is no fault of what was being done.

    SQLite also calls a missing table or column an operational error; that one stays.
    """
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return code is None or code & 0xFF != sqlite3.SQLITE_ERROR


def database_fault(error: BaseException) -> str:
    """Say for a log line what is wrong with the database: locked, away, or a statement fails."""
    words = "refuses a statement"
    if is_database_away(error):
        words = "is locked by another process" if "locked" in str(error) else "is away"
    return f"The database {words} ({type(error).__name__})"


def describe(error: BaseException) -> str:
    """The error in the provider's words without credentials, in one line of 1,000 characters."""
    match error:
        case smtplib.SMTPResponseException():
            text = f"{error.smtp_code} {_text(error.smtp_error)}"
        case smtplib.SMTPRecipientsRefused():
            text = "; ".join(f"{code} {_text(words)}" for code, words in error.recipients.values())
        case _ if any(kind.startswith("anymail.") for kind in _kinds(error)):
            text = str(error).partition("Sending a message")[0] or str(error)
        case _:
            try:
                text = f"{type(error).__name__}: {error}"
            except Exception:  # noqa: BLE001  (an app's exception may fail to describe itself)
                text = type(error).__name__
    return _line(text)


def _line(text: str) -> str:
    """One line that can be stored. A server may repeat the credentials that it was given."""
    return " ".join(hide(text).replace("\x00", "").split())[:1000]


def _text(words: bytes | str) -> str:
    return words.decode(errors="replace") if isinstance(words, bytes) else str(words)


# SMTP. RFC 5321 section 4.2.1: 4yz is transient, 5yz permanent. But a permanent reply may be about
# our account and not about the message; another provider may well take it then.


class Stage(enum.Flag):
    """The step of an SMTP session that a reply answers."""

    SESSION = enum.auto()  # the greeting, EHLO, STARTTLS
    AUTH = enum.auto()
    MAIL = enum.auto()
    RCPT = enum.auto()
    DATA = enum.auto()  # the command and the content
    ANY = SESSION | AUTH | MAIL | RCPT | DATA


class Rule(NamedTuple):
    """Replies that mean something else than their code's first digit does.

    Matches where `codes` has the basic code, `status` matches the enhanced code without its first
    digit (RFC 3463), and `words` is found in the text; what is left out matches always.
    """

    verdict: Verdict
    fault: Fault
    stages: Stage
    codes: frozenset[int] | range
    status: str = ""
    words: str = ""


PERMANENT, REFUSAL = range(500, 600), range(400, 600)
ACCOUNT = (Verdict.FOR_NOW, Fault.ACCOUNT)
BUSY = (Verdict.FOR_NOW, Fault.TRANSPORT)
GONE = (Verdict.FOR_GOOD, Fault.RECIPIENT)

# Subjects and details of enhanced codes by which Exchange Online speaks of the sender's account
# ("Email non-delivery reports and SMTP errors in Exchange Online"), and the sender authentication
# of RFC 7372 (SPF, DKIM, reverse DNS) and RFC 7505 (7.27).
SENDER_STATUS = (
    r"1\.8|1\.90|2\.252|4\.5|7\.2[0-7]|7\.5[47]|7\.60|7\.64|7\.50[1-9]|7\.51[1-2]"
    r"|7\.6[0-4]\d|7\.7(?:0[1358]|50)"
)
NOT_VERIFIED = r"\bnot (?:yet |been )*verified\b|does not match a verified|verify failed"
SENDER_REFUSED = (
    r"\bsender(?:'s)?(?: e?-?mail)?(?: address)?(?: \S+)? (?:is |was |has been )?"
    r"(?:rejected|refused|denied|not allowed|not permitted|not authori[sz]ed|not owned)"
    r"|bad outbound sender|\bsend ?as ?denied|permissions? to send as"
    r"|unauthenticated senders? not allowed"
    r"|not (?:allowed|permitted|authori[sz]ed) to send\b(?! (?:\w+ ){0,4}to\b)"
    r"|not (?:allowed|permitted|authori[sz]ed) to (?:use|perform)\b"
)
CLIENT_REFUSED = r"\bclient host\b|\bhelo command rejected|\bthe ip (?:address )?you're using"
RELAYING = (
    r"\brelay(?:ing)?\b.{0,40}\b(?:denied|not permitted|not allowed|prohibited|disabled|refused)"
    r"|(?:unable|not (?:allowed|permitted|authori[sz]ed)) to relay|not an open relay|rcpthosts"
    r"|\bwe do not relay\b|relay not permitted"
)
SUSPENDED = (
    r"\bsending (?:is |has been |was )?(?:suspended|paused|disabled|blocked)"
    r"|\b(?:your|this|sending) account\b.{0,30}\b(?:suspended|paused|disabled|blocked|locked)"
)
# A limit of what we may send; the recipient's own (mailbox full, X.2.y) is another matter.
LIMIT = r"\b(?:limit|quota|credits?)s?\b"
SENDING_LIMIT = (
    rf"\b(?:sending|send|outbound|outgoing|relay)\b.{{0,30}}{LIMIT}"
    rf"|\byour\b.{{0,40}}\b(?:sending|daily|hourly|monthly|account)\b.{{0,20}}{LIMIT}"
    r"|exceeded the max (?:emails|defers)|unusual sending activity|maximum credits exceeded"
)
PERIOD_LIMIT = rf"\b(?:daily|hourly|monthly)\b.{{0,40}}{LIMIT}|{LIMIT}.{{0,20}} per (?:day|hour)"
TOO_FAST = (
    r"maximum sending rate|too many (?:concurrent )?(?:smtp )?(?:connections|sessions)"
    r"|throttling failure"
)
UNKNOWN_USER = (
    r"\b(?:user|recipient|mailbox|address|account)\b.{0,80}?\b(?:is |was )?"
    r"(?:unknown|does(?: not|n't) exist|do(?: not|n't) exist|doesn't have an? \S+ account"
    r"|not found|no longer exists)\b"
    r"|\b(?:unknown|no such|nonexistent|non-existent) (?:local )?"
    r"(?:user|recipient|mailbox|address|account|person|part)\b"
    r"|\b(?:no|not a(?: valid)?) (?:mailbox|user) (?:here|by that name)\b"
)
NEEDS_LOGIN = (
    r"authentication (?:is )?(?:required|failed|unsuccessful|credentials)"
    r"|(?:must|need to|please) (?:be )?(?:first )?authenticate|\bnot authenticated|\blog ?in first"
)

# The first that matches decides; where none does, the first digit of the code.
SMTP_RULES = (
    Rule(*BUSY, Stage.SESSION | Stage.AUTH, frozenset({421})),
    # RFC 4954 section 6; 525 is RFC 5248's "user account disabled".
    Rule(*ACCOUNT, Stage.ANY, frozenset({525, 530, 534, 535, 538})),
    Rule(*ACCOUNT, Stage.AUTH, REFUSAL),
    # The greeting, EHLO and STARTTLS come before any message, whatever is said there.
    Rule(*BUSY, Stage.SESSION, range(-1, 1000)),
    Rule(*BUSY, Stage.ANY, REFUSAL, words=r"maximum sending rate"),
    Rule(*ACCOUNT, Stage.ANY, REFUSAL, words=NOT_VERIFIED),
    Rule(*ACCOUNT, Stage.ANY, REFUSAL, words=SENDER_REFUSED),
    Rule(*ACCOUNT, Stage.ANY, REFUSAL, words=CLIENT_REFUSED),
    Rule(*ACCOUNT, Stage.MAIL | Stage.RCPT, REFUSAL, words=RELAYING),
    Rule(*ACCOUNT, Stage.MAIL | Stage.DATA, REFUSAL, words=SUSPENDED),
    Rule(*ACCOUNT, Stage.MAIL | Stage.RCPT, REFUSAL, words=NEEDS_LOGIN),
    Rule(*ACCOUNT, Stage.ANY, REFUSAL, r"(?!2\.|3\.4).*", SENDING_LIMIT),
    Rule(*ACCOUNT, Stage.MAIL | Stage.DATA, REFUSAL, r"(?!2\.|3\.4).*", PERIOD_LIMIT),
    Rule(*ACCOUNT, Stage.ANY, PERMANENT, SENDER_STATUS),
    # To MAIL a server can only mean the sender: addresses (X.1) and policies (X.7). X.1.7 is a
    # mistake in how the sender's address is written.
    Rule(*ACCOUNT, Stage.MAIL, PERMANENT, r"1\.(?!7$)\d+|7\.\d+"),
    # After that what is busy, since a quota that is used up is often called throttling as well.
    Rule(*BUSY, Stage.ANY, REFUSAL, words=TOO_FAST),
    Rule(*BUSY, Stage.ANY, frozenset({421})),
    # RFC 5321 section 4.5.3.1.10: too many recipients in one transaction may come again.
    Rule(Verdict.FOR_NOW, Fault.NONE, Stage.RCPT, PERMANENT, r"5\.3"),
    Rule(Verdict.FOR_NOW, Fault.NONE, Stage.RCPT, PERMANENT, words=r"too many recipients"),
    # RFC 3463: no such mailbox, moved without forwarding; RFC 7505: the domain takes no mail.
    Rule(*GONE, Stage.RCPT | Stage.DATA, PERMANENT, r"1\.(?:1|6|10)", r"^(?!.*\b(?:full|quota)\b)"),
    Rule(*GONE, Stage.RCPT, PERMANENT, r"(?!2\.[23]|7\.).*", UNKNOWN_USER),
)
STAGES = {
    smtplib.SMTPAuthenticationError: Stage.AUTH,
    smtplib.SMTPSenderRefused: Stage.MAIL,
    smtplib.SMTPDataError: Stage.DATA,
}
STATUS = re.compile(r"\s*#?([245])\.(\d{1,3}\.\d{1,3})(?![\d.])")


def smtp_reply(code: int, words: bytes | str, stage: Stage = Stage.DATA) -> Outcome:
    """Return the outcome of an SMTP reply (RFC 5321 section 4.2) at a stage of the session."""
    text = " ".join(_text(words).split())
    if 200 <= code < 300:
        return Outcome(Verdict.ACCEPTED, f"{code} {text}".strip()[:1000])
    reply = _line(f"{code} {text}")
    found = STATUS.match(text)
    status = found[2] if found and found[1] == str(code)[:1] else ""
    for rule in SMTP_RULES:
        if stage in rule.stages and code in rule.codes and _matches(rule, status, text):
            return Outcome(rule.verdict, reply, fault=rule.fault)
    if 500 <= code < 600:
        return Outcome(Verdict.FOR_GOOD, reply, fault=Fault.MESSAGE)
    return Outcome(Verdict.FOR_NOW, reply)  # 4yz, and what is no reply at all


def _matches(rule: Rule, status: str, text: str) -> bool:
    if rule.status and not re.fullmatch(rule.status, status):
        return False
    return not rule.words or re.search(rule.words, text, re.IGNORECASE) is not None


def _smtp(error: smtplib.SMTPException, text: str) -> Outcome:
    match error:
        case smtplib.SMTPRecipientsRefused():
            replies = [smtp_reply(*reply, Stage.RCPT) for reply in error.recipients.values()]
            return next((one for one in replies if one.verdict is Verdict.FOR_NOW), replies[0])
        case smtplib.SMTPResponseException():
            stages = (stage for kind, stage in STAGES.items() if isinstance(error, kind))
            return smtp_reply(error.smtp_code, error.smtp_error, next(stages, Stage.SESSION))
    # SMTPServerDisconnected and SMTPNotSupportedError, before the content was handed over.
    return Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)


# -- Answers of APIs ---------------------------------------------------------------------------

# Errors of requests, botocore and Anymail are known by name: none of them need be installed.

HTTP_ACCOUNT = {401, 402, 403}
# Postmark says 422 for all that it refuses; these of its error codes speak of the account: sender
# not found, not confirmed, no credits, approval pending or missing.
POSTMARK_ACCOUNT = {400, 401, 405, 412, 413}
HTTP_UNKNOWN = {502, 504}  # RFC 9110 section 15.6: the gateway can't say what the origin did
HTTP_FOR_NOW = {408, 409, 423, 425, 429, 500, 503}
BOTO_BUSY = {
    "TooManyRequestsException",
    "Throttling",
    "ThrottlingException",
    "ServiceUnavailable",
    "InternalFailure",
}
BOTO_ACCOUNT = {
    "LimitExceededException",
    "AccountSuspendedException",
    "SendingPausedException",
    "MailFromDomainNotVerifiedException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "ExpiredTokenException",
    "AccessDeniedException",
}
# What Anymail notes of a recipient: its documentation, "ESP send status".
RECIPIENT_VERDICTS = {
    "sent": Verdict.ACCEPTED,
    "queued": Verdict.ACCEPTED,
    "invalid": Verdict.FOR_GOOD,
    "rejected": Verdict.FOR_GOOD,
    "failed": Verdict.FOR_NOW,
}

# There was an answer that nobody understands.
NOT_UNDERSTOOD = Outcome(Verdict.UNKNOWN, fault=Fault.TRANSPORT)


# Base classes of the errors of other HTTP clients, and those that come before a request.
CLIENTS = {"httpx.RequestError", "httpcore.NetworkError", "httpcore.TimeoutException"}
CLIENTS |= {"httpcore.ProtocolError", "urllib3.HTTPError", "aiohttp.ClientError"}
NOT_CONNECTED = {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol"}
NOT_CONNECTED = {f"{name}.{kind}" for name in ("httpx", "httpcore") for kind in NOT_CONNECTED}
NOT_CONNECTED |= {"urllib3.NewConnectionError", "urllib3.ConnectTimeoutError"}
NOT_CONNECTED |= {"urllib3.NameResolutionError", "aiohttp.ClientConnectorError"}


def _kinds(error: BaseException) -> set[str]:
    """The classes of an error as `package.Class`, such as `requests.ConnectTimeout`."""
    return {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}


def _api(error: BaseException, text: str) -> Outcome | None:
    """The outcome that an error of an API stands for, None for one of something else.

    text: the provider's words. Any exception with a `response` that has a status is judged by it,
    as `requests.HTTPError` of a backend that calls `raise_for_status`; urllib's HTTPError too.
    """
    kinds = _kinds(error)
    if kinds & {"anymail.AnymailCancelSend", "anymail.AnymailRecipientsRefused"}:
        return Outcome(Verdict.FOR_GOOD, text, fault=Fault.MESSAGE)
    if isinstance(error, HTTPError):
        return http_answer(error.code, text, dict(error.headers))
    response: Any = getattr(error, "response", None)
    if isinstance(getattr(response, "status_code", None), int):  # an answer, readable or not
        return _answer(response, text)
    if "aiohttp.ClientResponseError" in kinds:
        refused: Any = error
        return http_answer(refused.status, text, refused.headers or {})
    if "anymail.AnymailAPIError" in kinds and error.__cause__:
        return _without_answer(error.__cause__, text) or NOT_UNDERSTOOD._replace(error=text)
    return _without_answer(error, text)


def _answer(response: Any, text: str) -> Outcome:
    if response.status_code == 422 and _postmark_code(response) in POSTMARK_ACCOUNT:
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
    return http_answer(response.status_code, text, response.headers)


def _postmark_code(response: Any) -> int | None:
    try:
        code: int = response.json()["ErrorCode"]
    except (ValueError, KeyError, TypeError):
        return None
    return code


def http_answer(status: int, text: str, headers: Mapping[str, str]) -> Outcome:
    """The outcome of an HTTP answer that was not a plain success."""
    if status in HTTP_ACCOUNT:
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
    if status in HTTP_FOR_NOW:
        wait = _seconds(headers.get("Retry-After", ""))
        # Too many requests are about none of the messages: without a time, the breaker decides.
        is_busy = status >= 500 or (status == 429 and wait is None)
        fault = Fault.TRANSPORT if is_busy else Fault.NONE
        return Outcome(Verdict.FOR_NOW, text, retry_after=wait, fault=fault)
    if status in HTTP_UNKNOWN or status < 300 or status >= 500:  # 2xx with an unreadable body too
        return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)
    return Outcome(Verdict.FOR_GOOD, text, fault=Fault.MESSAGE)


def _seconds(text: str) -> float | None:
    """Retry-After, seconds or a date (RFC 9110 section 10.2.3), as seconds from now; at least one.

    None where it is neither.
    """
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - timezone.now()).total_seconds()
    return max(1.0, seconds) if math.isfinite(seconds) else None


def _without_answer(error: BaseException, text: str) -> Outcome | None:
    kinds = _kinds(error)
    if "requests.RequestException" in kinds:
        return _requests(error, text)
    if kinds & CLIENTS:
        connecting = Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)
        return connecting if kinds & NOT_CONNECTED else NOT_UNDERSTOOD._replace(error=text)
    if "anymail.AnymailAPIError" in kinds:
        return NOT_UNDERSTOOD._replace(error=text)
    return _boto(error, text) if any(kind.startswith("botocore.") for kind in kinds) else None


def _requests(error: BaseException, text: str) -> Outcome:
    never_connected = _kinds(error) & {"requests.ConnectTimeout", "requests.SSLError"}
    if never_connected or _could_not_connect(error):
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)
    if isinstance(error, ValueError):  # an impossible URL or header: api_url or the key
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
    return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)  # the answer was lost or cut short


def _could_not_connect(error: BaseException) -> bool:
    """urllib3 tells a connection that was never made from one that was lost with the answer."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError"}


def _boto(error: BaseException, text: str) -> Outcome:
    kinds = _kinds(error)
    if "botocore.ClientError" in kinds:
        return _boto_answer(getattr(error, "response", {}), text)
    if "botocore.ConnectionError" in kinds:  # never made; a lost one is an HTTPClientError
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)
    if kinds & {"botocore.HTTPClientError", "botocore.IncompleteReadError"}:
        return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)
    if "botocore.ParamValidationError" in kinds:
        return Outcome(Verdict.FOR_GOOD, text, fault=Fault.MESSAGE)
    if "botocore.BotoCoreError" in kinds:  # credentials, region, endpoint: a mistake in the set-up
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
    return NOT_UNDERSTOOD._replace(error=text)  # its parser's


def _boto_answer(response: Mapping[str, Any], text: str) -> Outcome:
    code = response.get("Error", {}).get("Code", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # SES rejects a message for its content or, in the same code, for a sender that it doesn't know.
    is_our_sender = code == "MessageRejected" and "is not verified" in text
    if code in BOTO_ACCOUNT or is_our_sender:
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
    if code in BOTO_BUSY:
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)
    return http_answer(status, text, {})


def recipient_outcomes(message: EmailMessage) -> dict[str, Outcome]:
    """What Anymail noted on a message: the outcome by bare address in lower case, if any."""
    status = getattr(message, "anymail_status", None)
    recipients = getattr(status, "recipients", None) or {}
    return {
        parseaddr(address)[1].lower(): Outcome(
            RECIPIENT_VERDICTS.get(one.status, Verdict.UNKNOWN),
            error="" if one.status in {"sent", "queued"} else f"status {one.status}",
            provider_id=str(one.message_id or ""),
        )
        for address, one in recipients.items()
    }


def was_accepted(message: EmailMessage, error: Exception) -> bool:
    """Anymail's receivers run after the provider's answer: their errors are none of its."""
    if "anymail.AnymailRecipientsRefused" in _kinds(error):
        return False
    found = recipient_outcomes(message).values()
    return any(one.verdict is Verdict.ACCEPTED for one in found)
