"""A message on its way over SMTP, and what the server said of it."""

import smtplib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailroom.outcomes import Outcome, OutcomeUnknown, Verdict, smtp_reply

Reply = tuple[int, bytes]  # code and words


@dataclass(slots=True, eq=False)
class Letter:
    """What one SMTP transaction carries, and its result.

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
            if reply[0] != 250 and (outcome := smtp_reply(*reply)).verdict is not Verdict.ACCEPTED:
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
        """True where the server ended the connection before this letter's turn came."""
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
