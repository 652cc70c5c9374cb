"""One SMTP transaction: what it carries, and what the server said of it."""

import email.policy
import re
import smtplib
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any

from django.core.mail import EmailMessage

from mailroom.outcomes import Outcome, OutcomeUnknown, Stage, Verdict, smtp_reply

Reply = tuple[int, bytes]  # code and words
# As in mailroom.addresses, which needs more than Django: dot-atoms (RFC 5321 section 4.1.2).
ATOMS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
PLAIN = re.compile(rf"{ATOMS}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


@dataclass(slots=True, eq=False)
class Transaction:
    """A message's envelope and content (RFC 5321 section 3.3), and its result.

    sender: an address. envelope: each address as it goes over the wire → the bare address in lower
    case. content: the message with lines that end in CR LF. options: of MAIL (RFC 5321 section
    4.1.1.11). is_dotless: known to have no line that begins with a dot.
    Afterwards either `error` is what a backend would raise, or `outcomes` has each bare address's;
    those refused before the content have theirs in both cases.
    """

    sender: str
    envelope: Mapping[str, str]
    content: bytes
    options: Sequence[str] = ()
    is_dotless: bool = False
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    error: Exception | None = None
    is_written: bool = False  # the content was: what happens from then on is about the message

    def command_mail(self) -> str:
        """MAIL with its options."""
        return " ".join([f"MAIL FROM:<{self.sender}>", *self.options])

    def commands(self) -> bytes:
        """The whole envelope up to DATA, which ends a group of commands (RFC 2920 section 3.1)."""
        recipients = [f"RCPT TO:<{address}>" for address in self.envelope]
        return "\r\n".join([self.command_mail(), *recipients, "DATA", ""]).encode("ascii")

    def data(self) -> list[bytes]:
        """The content with its dots doubled, and its end (RFC 5321 section 4.5.2)."""
        self.is_written = True
        lines = self.content
        if not self.is_dotless:
            lines = b"\n".join([b"", lines]).replace(b"\n.", b"\n..")[1:]
        return [lines, b".\r\n" if lines.endswith(b"\r\n") else b"\r\n.\r\n"]

    def sender_answered(self, reply: Reply) -> None:
        if reply[0] != 250:
            self.error = smtplib.SMTPSenderRefused(*reply, self.sender)

    def recipients_answered(self, replies: Sequence[Reply]) -> None:
        """Note who is refused; it is an error where nobody is left."""
        if self.error:  # without a sender no recipient is judged
            return
        for bare, reply in zip(self.envelope.values(), replies, strict=True):
            if (
                reply[0] != 250
                and (outcome := smtp_reply(*reply, Stage.RCPT)).verdict is not Verdict.ACCEPTED
            ):
                self.outcomes[bare] = outcome
        if len(self.outcomes) == len(set(self.envelope.values())):
            refused = dict(zip(self.envelope, replies, strict=True))
            self.error = smtplib.SMTPRecipientsRefused(refused)

    def data_answered(self, reply: Reply) -> None:
        if reply[0] != 354:
            self.error = self.error or smtplib.SMTPDataError(*reply)

    def content_answered(self, reply: Reply) -> None:
        """The end of the transaction. What is no answer leaves open whether it was accepted."""
        code, words = reply
        if code >= 400:
            self.error = smtplib.SMTPDataError(code, words)
        elif not 200 <= code < 300:
            self.error = OutcomeUnknown(f"no answer after the content but {words!r}")
        else:
            final = smtp_reply(code, words)
            self.outcomes = dict.fromkeys(self.envelope.values(), final) | self.outcomes

    @property
    def was_cut(self) -> bool:
        """True if the server closed the connection before this message's content was written."""
        if self.is_written:
            return False
        if isinstance(self.error, smtplib.SMTPResponseException):
            return self.error.smtp_code == 421
        return isinstance(self.error, smtplib.SMTPServerDisconnected | ConnectionError)

    def unanswered(self) -> Exception | None:
        """A guard: what no answer was noted for is never taken for accepted."""
        return None if self.outcomes else OutcomeUnknown("no answer was noted")

    def lost(self, error: Exception, *, after_content: bool) -> None:
        """The connection broke. Only once all of the content was written, that means unknown."""
        if after_content:
            self.error = OutcomeUnknown(f"no answer after the content: {error}")
            self.error.__cause__ = error
        else:
            self.error = error


def transaction_for(
    message: EmailMessage, connection: smtplib.SMTP, prep_address: Callable[[str], str]
) -> Transaction | Exception | None:
    """Write a message for an open connection; None for one without recipients.

    prep_address: makes the envelope's address of one that is not plain; raises ValueError for what
    no address is. Returns the exception where the message can't be written.
    """
    prepared: Any = message
    try:
        if hasattr(prepared, "whole") and not prepared.wire:
            prepared = prepared.whole()  # with its name, which may be one that is refused
        prepared = _as_on_the_wire(prepared)
        envelope = _envelope(prepared.recipients(), prep_address)
        if not envelope:
            return None
        wire = getattr(prepared, "wire", None)
        content = wire or prepared.message(policy=email.policy.SMTP).as_bytes()
        # An address of its own for the bounces (VERP) or else that of From.
        sender = getattr(prepared, "return_path", "") or _address(prepared.from_email, prep_address)
    except Exception as error:  # noqa: BLE001  (an attachment's file may raise anything)
        return error
    is_dotless = wire is not None and prepared.is_dotless
    options = _mail_options(content, connection)
    return Transaction(sender, envelope, content, options, is_dotless=is_dotless)


def _as_on_the_wire(message: Any) -> Any:
    """The message with A-labels for domains: Django's own punycode sends faß.de to fass.de.

    Where email-validator, which knows IDNA 2008, is not installed, Django's has to do.
    """
    fields = ("to", "cc", "bcc", "reply_to")
    texts = [message.from_email, *(text for name in fields for text in getattr(message, name))]
    if all(_domain(text).isascii() for text in texts):
        return message
    try:
        from mailroom.addresses import for_wire  # noqa: PLC0415  (ours, if installed)
    except ImportError:
        return message

    def wired(text: Any) -> str:
        return str(text) if _domain(text).isascii() else for_wire(str(text))

    copied = copy(message)
    copied.from_email = wired(message.from_email)
    for name in fields:
        setattr(copied, name, [wired(text) for text in getattr(message, name)])
    return copied


def _domain(text: Any) -> str:
    mailbox = str(text)
    return "" if mailbox.isascii() else parseaddr(mailbox)[1].rpartition("@")[2]


def _envelope(recipients: Sequence[str], prep_address: Callable[[str], str]) -> dict[str, str]:
    """Each address once, however it is spelled: as it goes over the wire → bare, lower case."""
    envelope: dict[str, str] = {}
    known: set[str] = set()
    for text in recipients:
        is_plain = PLAIN.fullmatch(text)
        address = text if is_plain else prep_address(text)
        if (lower := address.lower()) not in known:
            known.add(lower)
            envelope[address] = lower if is_plain else parseaddr(text)[1].lower()
    return envelope


def _address(text: str, prep_address: Callable[[str], str]) -> str:
    return text if PLAIN.fullmatch(text) else prep_address(text)


def _mail_options(content: bytes, connection: smtplib.SMTP) -> list[str]:
    """What MAIL says of the content, where the server wants to know (RFC 1870, RFC 6152)."""
    if not connection.does_esmtp:
        return []
    size = [f"size={len(content)}"] if connection.has_extn("size") else []
    is_8bit = not content.isascii() and connection.has_extn("8bitmime")
    return [*size, *(["body=8bitmime"] if is_8bit else [])]
