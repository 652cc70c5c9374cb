"""What an incoming email reports about which of ours: RFC 3464, 5965 and 6533, else flufl-bounce.

Auto-replies (RFC 3834), read receipts, email from people and reports without a signed address of
ours are no reports. The size is the caller's to limit.
"""

import hashlib
import logging
import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes, message_from_string, policy
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any, NamedTuple

from django.utils import timezone

from mailroom import signing
from mailroom.models import Event
from mailroom.webhooks.events import (
    FULL_MAILBOX,
    NO_SUCH_USER,
    NOT_THE_ADDRESS,
    STATUS_IN_TEXT,
    is_hard,
)

Kind = Event.Kind

COMPLAINTS = {  # Feedback-Type: RFC 5965 section 7.3, RFC 6430, RFC 6591
    "abuse": Kind.COMPLAINED,
    "fraud": Kind.COMPLAINED,
    "other": Kind.COMPLAINED,
    "opt-out": Kind.UNSUBSCRIBED,
    "opt-out-list": Kind.UNSUBSCRIBED,
}
KIND_OF_ACTION = {  # RFC 3464 section 2.3.3; `failed` depends on the status
    "delayed": Kind.DEFERRED,
    "delivered": Kind.DELIVERED,
    "relayed": Kind.NOTED,
    "expanded": Kind.NOTED,
}
ORIGINAL = re.compile(r"^\W*(?:Received|Return-Path|Message-ID|From):", re.IGNORECASE | re.M)
# It logs as an error what it cannot read: strangers could fill the administrators' mailboxes.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)
REPLY_SEARCHED = 8000  # characters of a text in which a reply is looked for


class BounceReport(NamedTuple):
    """What is reported: the kind, our delivery, the recipient's address if named, the words."""

    kind: str
    delivery: int
    recipient: str = ""
    words: str = ""
    event_id: str = ""
    at: datetime | None = None


class ReportedRecipient(NamedTuple):
    """One recipient's part of a report, before it is known whether it is about an email of ours."""

    kind: str
    recipient: str = ""
    words: str = ""


def reports_in(raw: bytes) -> list[BounceReport]:
    """The reports in an incoming email, one for each recipient; none if it is not ours."""
    email = message_from_bytes(raw, policy=policy.compat32)
    if (delivery := _unsubscribes(email)) is not None:
        found = [
            ReportedRecipient(
                Kind.UNSUBSCRIBED, words="by an email to the address in List-Unsubscribe"
            )
        ]
    else:
        found = findings(email)
        delivery = delivery_of(email) if found else None
    if delivery is None:
        return []
    own_id = _identity(email, raw)
    at = _sent_at(email)
    return [
        BounceReport(one.kind, delivery, one.recipient, one.words, f"{own_id} {one.kind} {n}", at)
        for n, one in enumerate(found)
    ]


def is_auto_reply(email: Message) -> bool:
    """True for an absence notice or another automatic answer (RFC 3834)."""
    if _is_from_a_server(email):  # bounces are marked in the same way
        return False
    submitted = str(email.get("Auto-Submitted", "no")).split(";")[0].strip().lower()
    return (
        submitted == "auto-replied"
        or bool(email.get("X-Autoreply") or email.get("X-Autorespond"))
        or str(email.get("Precedence", "")).strip().lower() == "auto_reply"
    )


def _is_from_a_server(email: Message) -> bool:
    local = parseaddr(str(email.get("From", "")))[1].partition("@")[0].lower()
    return local in {"mailer-daemon", "postmaster", "mail-daemon", "mdaemon"}


def findings(email: Message) -> list[ReportedRecipient]:
    """What an email reports, for each recipient, whoever sent it."""
    for part in email.walk():
        kind = part.get_content_type()
        if kind == "message/feedback-report":
            return [_complaint(_fields(part))]
        is_status = kind in {"message/delivery-status", "message/global-delivery-status"}
        if is_status and (found := list(_statuses(part, _text(email)))):
            return found
    return [] if is_auto_reply(email) else _recognized(email)


def _complaint(fields: Message) -> ReportedRecipient:
    """RFC 5965 section 3: only what a person did is a complaint."""
    feedback_type = str(fields.get("Feedback-Type", "")).strip().lower()
    agent = str(fields.get("User-Agent", ""))
    return ReportedRecipient(
        COMPLAINTS.get(feedback_type, Kind.NOTED),
        words=f"Feedback-Type: {feedback_type} {agent}".strip(),
    )


def _statuses(part: Message, text: str) -> Iterator[ReportedRecipient]:
    """RFC 3464 section 2.3: a group of fields for each recipient, after one for the message."""
    groups = [one for one in _groups(part) if one.get("Action") or one.get("Status")]
    for group in groups:
        action = str(group.get("Action", "failed")).split()[:1] or ["failed"]
        status = str(group.get("Status", "")).strip()
        # "smtp; 550 5.1.1 …": a type before the words
        words = " ".join(str(group.get("Diagnostic-Code", "")).split())
        reply = words.partition(";")[2].strip() or words
        kind = KIND_OF_ACTION.get(action[0].lower().strip(";"))
        if kind is None:
            quoted = reply or (text if len(groups) == 1 else "")
            kind = Kind.HARD_BOUNCE if is_hard(quoted, status) else Kind.SOFT_BOUNCE
        named = str(group.get("Original-Recipient") or group.get("Final-Recipient") or "")
        yield ReportedRecipient(kind, _address(named), f"{status} {words}".strip())


def _recognized(email: Message) -> list[ReportedRecipient]:
    """Bounces of no standard form, such as qmail's, which flufl-bounce recognizes.

    It says neither status nor reason, so the text decides between hard and soft.
    """
    try:
        from flufl.bounce import all_failures  # noqa: PLC0415  (the extra `bounces`)
    except ImportError:  # of the extra `bounces`: reports of the standard form are read without it
        return []
    for name, value in email.items():
        if not isinstance(value, str):  # with bytes beyond ASCII, which flufl-bounce cannot read
            email.replace_header(name, str(value))
    temporary, permanent = all_failures(email)
    if not (temporary or permanent):
        return []
    text = _text(email)
    reply = _reply_in(text)
    hard = bool(permanent) and not FULL_MAILBOX.search(text)
    if hard and STATUS_IN_TEXT.search(reply):
        hard = is_hard(reply)
    elif hard and not NO_SUCH_USER.search(text):
        hard = not NOT_THE_ADDRESS.search(text)
    return [
        ReportedRecipient(Kind.HARD_BOUNCE if hard else Kind.SOFT_BOUNCE, words=reply or text[:300])
    ]


def _reply_in(text: str) -> str:
    """The first line that quotes an SMTP reply or an enhanced status."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return next(
        (one for one in lines if STATUS_IN_TEXT.search(one) or re.search(r"\b[45]\d\d ", one)), ""
    )


def delivery_of(email: Message) -> int | None:
    """Our delivery that a report is about, by a signed address of ours: where the report was sent,
    or the envelope sender of our email in it (Return-Path, Original-Mail-From)."""
    texts = signing.delivered_to(email)
    for part in email.walk():
        if part is not email and part.get("Return-Path"):
            texts.append(str(part["Return-Path"]))
        kind = part.get_content_type()
        if kind == "message/feedback-report":
            texts.append(str(_fields(part).get("Original-Mail-From", "")))
        elif kind in {"text/rfc822-headers", "message/global-headers", "message/global"}:
            inner = message_from_string(_decoded(part))
            texts += [str(value) for value in inner.get_all("Return-Path", [])]
    return signing.delivery_named(signing.BOUNCE, *texts)


def _unsubscribes(email: Message) -> int | None:
    """The delivery whose unsubscribe address an email was sent to, unless it is an answer."""
    if email.get_content_type() == "multipart/report" or is_auto_reply(email):
        return None
    return signing.delivery_named(signing.UNSUBSCRIBE, *signing.delivered_to(email))


def _groups(part: Message) -> Iterator[Message]:
    """The groups of fields of a status report, which the email package has parsed, or not."""
    payload: Any = part.get_payload()
    parsed = payload if isinstance(payload, list) else []
    if any(one.get("Action") or one.get("Status") for one in parsed):
        yield from parsed
        return
    yield from map(message_from_string, re.split(r"\r?\n[ \t]*\r?\n", _decoded(part).strip()))


def _fields(part: Message) -> Message:
    payload: Any = part.get_payload()
    if isinstance(payload, list) and payload:
        first: Message = payload[0]
        return first
    return message_from_string(_decoded(part))


def _decoded(part: Message) -> str:
    raw = part.get_payload(decode=True)
    if isinstance(raw, bytes):
        return raw.decode(errors="replace")
    return "\n".join(one.as_string() for one in part.get_payload() if isinstance(one, Message))


def _text(email: Message) -> str:
    """The text of a report, without the email of ours that it may quote."""
    for part in email.walk():
        if part.get_content_type() == "text/plain":
            return ORIGINAL.split(_decoded(part)[:REPLY_SEARCHED], maxsplit=1)[0]
    return ""


def _address(named: str) -> str:
    """`rfc822; ann@example.com` (or `utf-8; …`, RFC 6533 section 3) → the address."""
    address = named.rpartition(";")[2].strip().strip("<>")
    if named.partition(";")[0].strip().lower() == "utf-8":
        address = re.sub(r"\\x\{([0-9A-Fa-f]{1,6})\}", _character, address)
    return address[:320] if "@" in address else ""


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else ""


def _identity(email: Message, raw: bytes) -> str:
    """What makes an email one, also where it comes both by pipe and by mailbox."""
    own = " ".join(str(email.get("Message-ID", "")).split())
    body = raw.partition(b"\r\n\r\n")[2] or raw.partition(b"\n\n")[2]
    return hashlib.sha256(own.encode(errors="replace") or body).hexdigest()[:40]


def _sent_at(email: Message) -> datetime | None:
    """The Date of a report where it may be true: within the last days, not in the future."""
    now = timezone.now()
    try:
        at = parsedate_to_datetime(str(email["Date"]))
    except (TypeError, ValueError, IndexError):
        return None
    if timezone.is_naive(at):
        return None
    return at if 0 <= (now - at).total_seconds() < 7 * 86400 else None
