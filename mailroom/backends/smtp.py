"""Django's SMTP backend, made to say what became of each recipient, and when it can't know."""

import email.policy
import smtplib
from email.utils import parseaddr
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from mailroom.outcomes import Outcome, OutcomeUnknown, Verdict, smtp_reply
from mailroom.ready import ReadyMail


def _content_of(message: EmailMessage) -> bytes:
    if isinstance(message, ReadyMail):
        return message.wire
    content: bytes = message.message(policy=email.policy.SMTP).as_bytes()
    return content


class EmailBackend(smtp.EmailBackend):
    """As Django's, with the dialogue in our hands (RFC 5321 section 3.3).

    Each message gets `outcomes`, a dict of bare address in lower case → Outcome, for the recipients
    that were told apart. An exception means that no other was accepted; OutcomeUnknown, that the
    content was handed over and no answer came.
    """

    takes_bytes = True  # a ReadyMail's, as they are

    def _send(self, email_message: EmailMessage) -> bool:
        envelope = {
            self.prep_address(text): parseaddr(text)[1].lower()
            for text in email_message.recipients()
        }
        if not envelope:
            return False
        content = _content_of(email_message)
        sender = self.prep_address(email_message.from_email)
        try:
            refused = email_message.outcomes = {}  # type: ignore[attr-defined]
            final = self._dialogue(sender, envelope, content, refused)
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
            self._reset()
            raise
        except (OutcomeUnknown, OSError):
            self._drop()
            raise
        email_message.outcomes = dict.fromkeys(envelope.values(), final) | refused  # type: ignore[attr-defined]
        return True

    connection: Any  # smtplib.SMTP while a message is sent, which is when it is used

    def _dialogue(
        self, sender: str, envelope: dict[str, str], content: bytes, refused: dict[str, Outcome]
    ) -> Outcome:
        """The server's answer to the content; who was refused before it is added to `refused`."""
        self.connection.ehlo_or_helo_if_needed()
        code, words = self.connection.mail(sender, self._mail_options(content))
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, words, sender)
        replies = {address: self.connection.rcpt(address) for address in envelope}
        for address, reply in replies.items():
            if (outcome := smtp_reply(*reply)).verdict is not Verdict.ACCEPTED:
                refused[envelope[address]] = outcome
        if len(refused) == len(set(envelope.values())):
            raise smtplib.SMTPRecipientsRefused(replies)
        return smtp_reply(*self._content(content))

    def _mail_options(self, content: bytes) -> list[str]:
        if not self.connection.does_esmtp:
            return []
        size = [f"size={len(content)}"] if self.connection.has_extn("size") else []
        is_8bit = not content.isascii() and self.connection.has_extn("8bitmime")
        return [*size, *(["body=8bitmime"] if is_8bit else [])]

    def _content(self, content: bytes) -> tuple[int, bytes]:
        """Hand over the content; its reply. Once all of it is written, silence means unknown."""
        code, words = self.connection.docmd("DATA")
        if code != 354:
            raise smtplib.SMTPDataError(code, words)
        lines = smtplib._quote_periods(content)  # type: ignore[attr-defined]
        end = b"" if lines.endswith(b"\r\n") else b"\r\n"
        self.connection.send(lines + end + b".\r\n")
        try:
            code, words = self.connection.getreply()
        except (smtplib.SMTPException, OSError) as error:
            raise OutcomeUnknown(f"no answer after the content: {error}") from error
        if code >= 400:
            raise smtplib.SMTPDataError(code, words)
        if not 200 <= code < 300:
            raise OutcomeUnknown(f"no answer after the content but {words!r}")
        return code, words

    def _reset(self) -> None:
        """Make the connection ready for the next message, or drop it where that fails."""
        try:
            code, _ = self.connection.rset()
        except (smtplib.SMTPException, OSError):
            code = 421
        if code == 421:
            self._drop()

    def _drop(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None
