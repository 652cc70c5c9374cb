"""An SMTP session: a connection with deadlines, used command by command or pipelined."""

import io
import re
import smtplib
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from mailroom.backends.deadlines import DeadlineReader
from mailroom.backends.smtp.transaction import Reply, Transaction
from mailroom.outcomes import OutcomeUnknown

# Whole, well formed and not overlong (RFC 5321 sections 4.2 and 4.5.3.1.5); smtplib reads the rest.
ONE_LINE = re.compile(rb"([2-5]\d\d) ([ -~]{0,500})\r\n")
FAILURES = (smtplib.SMTPException, OSError)
REPLY_SECONDS = 600  # the longest of RFC 5321 section 4.5.3.2, where a mailer has no timeout
REPLIES = 5  # that long may a whole message take, or opening a session
SLOWEST = 16 * 1024  # bytes a second, at which content is uploaded at least


def own_name() -> str:
    """The site's name for EHLO (RFC 5321 section 4.1.1.1), "" where PUBLIC_URL has no public one.

    A container's host name says nothing to a mail server, and some refuse it.
    """
    host = urlsplit(getattr(settings, "PUBLIC_URL", "")).hostname or ""
    if "." not in host or ":" in host or host.replace(".", "").isdigit():
        return ""
    if host.isascii():
        return host
    try:
        from mailroom.addresses import domain_of  # noqa: PLC0415  (ours, if installed)
    except ImportError:  # a project with nothing of ours but this backend
        return ""
    return domain_of(f"x@{host}")


class Connection(smtplib.SMTP):
    """smtplib's, with a deadline for each whole reply, and for all between `begin` and `end`.

    timeout: seconds for a reply, however many pieces it comes in.
    """

    def __init__(
        self, host: str, port: int, *, timeout: float | None = None, **kwargs: Any
    ) -> None:
        self.seconds = timeout or REPLY_SECONDS
        self._reply_until: float | None = None
        self.begin()
        if name := own_name():
            kwargs["local_hostname"] = name
        super().__init__(host, port, timeout=self.seconds, **kwargs)

    def begin(self, size: int = 0) -> None:
        """Start the deadline of a session or of a message of `size` bytes."""
        self._until = time.monotonic() + REPLIES * self.seconds + size / SLOWEST

    def end(self) -> None:
        """What follows has a deadline for each reply only."""
        self._until = float("inf")

    def login(self, user: str, password: str, **kwargs: Any) -> Reply:
        """Sign in as smtplib does. Raises ImproperlyConfigured for what it has no bytes for."""
        if not f"{user}{password}".isascii():
            raise ImproperlyConfigured(
                "The user name and the password may have ASCII letters only."
            )
        return super().login(user, password, **kwargs)

    def getreply(self) -> Reply:
        """Read one reply. The usual one, of one line, is taken without smtplib: four a message.

        Raises SMTPServerDisconnected where it is not complete in time.
        """
        self._reply_until = None  # it begins when the server is waited for
        if self.file is None:
            raw: Any = self.sock.makefile("rb", buffering=0)  # type: ignore[union-attr]
            reader: Any = DeadlineReader(raw, self.sock, self._remaining)  # type: ignore[arg-type]
            self.file = io.BufferedReader(reader)
        try:
            usual = ONE_LINE.match(self.file.peek())
        except OSError:  # smtplib meets it again, closes, and says so in its own error
            usual = None
        if usual:
            self.file.read(usual.end())
            return int(usual[1]), usual[2]
        return super().getreply()

    def send(self, s: Any) -> None:
        """Send a command of smtplib's own. Raises TimeoutError."""
        if self.sock:
            self.sock.settimeout(self._time_to_write())
        super().send(s)

    def write(self, parts: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Write the parts; how many bytes of them left, and what broke the connection if any."""
        sock, written = self.sock, 0
        rest = memoryview(b"".join(parts)) if len(parts) > 1 else memoryview(parts[0])
        try:
            if sock is None:
                raise smtplib.SMTPServerDisconnected("Connection closed")
            while written < len(rest):
                sock.settimeout(self._time_to_write())
                written += sock.send(rest[written:])
        except OSError as error:
            return written, error
        return written, None

    def docmd(self, cmd: str, args: str = "") -> Reply:
        """As smtplib's. A TLS handshake that follows has as long as a reply."""
        reply = super().docmd(cmd, args)
        if self.sock:
            self.sock.settimeout(self.seconds)
        return reply

    def _remaining(self) -> float:
        now = time.monotonic()
        if self._reply_until is None:
            self._reply_until = min(self._until, now + self.seconds)
        return self._reply_until - now

    def _time_to_write(self) -> float:
        left = min(self._until - time.monotonic(), self.seconds)
        if left <= 0:
            raise TimeoutError("timed out")
        return left


class SecureConnection(Connection, smtplib.SMTP_SSL):
    """The same with TLS from the start."""


class Session:
    """Command by command (RFC 5321 section 3.3): each waits for its reply.

    connection: open and greeted. A transaction that is added has its result when `finish` returns;
    once the connection is broken, `is_broken` is True and nothing more may be added.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_broken = False
        self.served = 0  # transactions that the server accepted so far

    def add(self, transaction: Transaction) -> None:
        """Send a message."""
        self.connection.begin(len(transaction.content))
        is_handed = False
        try:
            if self._offer(transaction):
                self._write(transaction.data())
                is_handed = True
                self._take_final(transaction)
            if transaction.error and not self.is_broken:
                self._reset(transaction)
        except FAILURES as error:
            if not transaction.error:
                transaction.lost(error, after_content=is_handed)
            self._break()

    def push(self) -> None:
        """No transaction follows: send what waits for one, and wait for no reply to it yet."""

    def finish(self) -> None:
        """Take the replies that are outstanding; `push` comes before it, on all connections."""
        self.connection.end()

    def _offer(self, transaction: Transaction) -> bool:
        """Ask for leave to send the content; is it given?"""
        transaction.sender_answered(self._ask(transaction.command_mail()))
        if not transaction.error:
            replies = [self._ask(f"RCPT TO:<{to}>") for to in transaction.envelope]
            transaction.recipients_answered(replies)
        if not transaction.error:
            transaction.data_answered(self._ask("DATA"))
        return transaction.error is None

    def _ask(self, command: str) -> Reply:
        self._write([command.encode("ascii") + b"\r\n"])
        return self.connection.getreply()

    def _take_final(self, transaction: Transaction) -> None:
        """The reply to the content. After one that makes no sense, no later one would."""
        transaction.content_answered(self.connection.getreply())
        self.served += transaction.error is None
        if isinstance(transaction.error, OutcomeUnknown):
            self._break()

    def _reset(self, transaction: Transaction) -> None:
        """Make the connection ready for the next message, or give it up where it will be closed."""
        if transaction.was_cut or self._ask("RSET")[0] == 421:
            self._break()

    def _write(self, parts: Sequence[bytes]) -> None:
        _, error = self.connection.write(parts)
        if error:
            raise error

    def _break(self) -> None:
        self.is_broken = True
        self.connection.close()


class PipelinedSession(Session):
    """With the next message's envelope written behind a message's content (RFC 2920 section 3.1).

    So each message costs one round trip and none is waited for in idleness: `add` takes the replies
    to what was written before, when several connections are used in turn.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._asking: Transaction | None = None  # its envelope is written, its content isn't
        self._handed: Transaction | None = None  # its content is written, the reply is outstanding

    def add(self, transaction: Transaction) -> None:
        self._take_replies()
        if self.is_broken:
            transaction.error = smtplib.SMTPServerDisconnected("Connection closed before the email")
        else:
            self._go_on(transaction)

    def push(self) -> None:
        self._take_replies()
        if self._asking and not self.is_broken:
            self._go_on(None)

    def finish(self) -> None:
        self._take_replies()
        super().finish()

    def _go_on(self, following: Transaction | None) -> None:
        """Write the content that was asked for, and the next envelope with it."""
        asked, self._asking = self._asking, following
        content = asked.data() if asked else []
        size = sum(map(len, content))
        self.connection.begin(size)
        commands = following.commands() if following else b""
        written, error = self.connection.write([*content, commands])
        if error and asked and written < size:  # the final dot never left
            asked.lost(error, after_content=False)
            asked = None
        self._handed = asked
        if error:
            self._lose(error)

    def _take_replies(self) -> None:
        if self.is_broken:
            return
        # Anew for each: while others' connections were waited for, nobody looked at this one.
        self.connection.begin()
        try:
            if self._handed:
                self._take_final(self._handed)
                self._handed = None
            if self.is_broken:
                raise smtplib.SMTPServerDisconnected("Connection closed before the email")
            if self._asking:
                self._envelope_answered(self._asking)
        except FAILURES as error:
            self._lose(error)

    def _envelope_answered(self, transaction: Transaction) -> None:
        getreply = self.connection.getreply
        transaction.sender_answered(getreply())
        transaction.recipients_answered([getreply() for _ in transaction.envelope])
        reply = getreply()
        transaction.data_answered(reply)
        if transaction.error:
            self._asking = None
            if reply[0] == 354:  # nobody is left: the content is one lone dot
                self._write([b".\r\n"])
                getreply()
            self._reset(transaction)

    def _lose(self, error: Exception) -> None:
        handed, asking = self._handed, self._asking
        self._handed = self._asking = None
        if handed:
            handed.lost(error, after_content=True)
        if asking and not asking.error:
            asking.lost(error, after_content=False)
        self._break()
