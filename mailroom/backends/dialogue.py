"""The two ways to talk SMTP over an open connection: command by command, and pipelined."""

import re
import smtplib
import ssl

from mailroom.backends.letter import Letter, Reply
from mailroom.outcomes import OutcomeUnknown

# Whole, well formed and not overlong (RFC 5321 sections 4.2 and 4.5.3.1.5); smtplib reads the rest.
ONE_LINE = re.compile(rb"([2-5]\d\d) ([ -~]{0,500})\r\n")
FAILURES = (smtplib.SMTPException, OSError)


class Dialogue:
    """Command by command (RFC 5321 section 3.3): each waits for its answer.

    connection: open and greeted. A letter that is added has its result when `finish` returns; once
    the connection is broken, `is_broken` is True and nothing more may be added.
    """

    def __init__(self, connection: smtplib.SMTP) -> None:
        self.connection = connection
        self.is_broken = False
        self.served = 0  # letters that the server accepted so far

    def add(self, letter: Letter) -> None:
        """Send a letter."""
        is_handed = False
        try:
            if self._offer(letter):
                self._write(b"".join(letter.data()))
                is_handed = True
                self._take_final(letter)
            if letter.error and not self.is_broken:
                self._reset(letter)
        except FAILURES as error:
            if not letter.error:
                letter.lost(error, after_content=is_handed)
            self._break()

    def push(self) -> None:
        """No letter follows: send what waits for one, and wait for no answer to it yet."""

    def finish(self) -> None:
        """Take the answers that are outstanding; `push` comes before it, on all connections."""

    def _offer(self, letter: Letter) -> bool:
        """Ask for leave to send the content; is it given?"""
        letter.sender_answered(self._ask(letter.command_mail()))
        if not letter.error:
            letter.recipients_answered([self._ask(f"RCPT TO:<{to}>") for to in letter.envelope])
        if not letter.error:
            letter.data_answered(self._ask("DATA"))
        return letter.error is None

    def _ask(self, command: str) -> Reply:
        self._write(command.encode("ascii") + b"\r\n")
        return self._reply()

    def _reply(self) -> Reply:
        """One answer. The usual one, of one line, is taken without smtplib: that is four a mail."""
        file = self.connection.file
        try:
            usual = file and ONE_LINE.match(file.peek())
        except OSError:  # smtplib meets it again, closes, and says so in its own error
            usual = None
        if not file or not usual:
            return self.connection.getreply()
        file.read(usual.end())
        return int(usual[1]), usual[2]

    def _take_final(self, letter: Letter) -> None:
        """The answer to the content. After one that makes no sense, no later one would."""
        letter.content_answered(self._reply())
        self.served += letter.error is None
        if isinstance(letter.error, OutcomeUnknown):
            self._break()

    def _reset(self, letter: Letter) -> None:
        """Make the connection ready for the next letter, or give it up where it will be closed."""
        if letter.was_cut or self._ask("RSET")[0] == 421:
            self._break()

    def _write(self, data: bytes) -> None:
        if self.connection.sock is None:
            raise smtplib.SMTPServerDisconnected("Connection closed")
        self.connection.sock.sendall(data)

    def _break(self) -> None:
        self.is_broken = True
        self.connection.close()


class Pipeline(Dialogue):
    """With the next letter's envelope written behind a letter's content (RFC 2920 section 3.1).

    So each letter costs one round trip and none is waited for in idleness: `add` takes the answers
    to what was written before, when several connections are used in turn.
    """

    def __init__(self, connection: smtplib.SMTP) -> None:
        super().__init__(connection)
        self._asking: Letter | None = None  # its envelope is written, its content isn't
        self._handed: Letter | None = None  # its content is written, the answer is outstanding

    def add(self, letter: Letter) -> None:
        self._take_answers()
        if self.is_broken:
            letter.error = smtplib.SMTPServerDisconnected("Connection closed before the message")
        else:
            self._go_on(letter)

    def push(self) -> None:
        self._take_answers()
        if self._asking and not self.is_broken:
            self._go_on(None)

    def finish(self) -> None:
        self._take_answers()

    def _go_on(self, following: Letter | None) -> None:
        """Write the content that was asked for, and the next envelope with it."""
        asked, self._asking = self._asking, following
        content = asked.data() if asked else []
        written, error = self._write_all([*content, following.commands() if following else b""])
        if error and asked and written < sum(map(len, content)):  # the final dot never left
            asked.lost(error, after_content=False)
            asked = None
        self._handed = asked
        if error:
            self._lose(error)

    def _write_all(self, parts: list[bytes]) -> tuple[int, OSError | None]:
        """Write the parts; how many bytes of them left, and what broke the connection if any."""
        sock, written = self.connection.sock, 0
        try:
            if not isinstance(sock, ssl.SSLSocket) and sock:
                written = sock.sendmsg(parts)  # mostly all of it, without copying it together
            if sock and written < sum(map(len, parts)):
                rest = memoryview(b"".join(parts))
                while written < len(rest):
                    written += sock.send(rest[written:])
        except OSError as error:
            return written, error
        return written, None

    def _take_answers(self) -> None:
        if self.is_broken:
            return
        try:
            if self._handed:
                self._take_final(self._handed)
                self._handed = None
            if self.is_broken:
                raise smtplib.SMTPServerDisconnected("Connection closed before the message")
            if self._asking:
                self._envelope_answered(self._asking)
        except FAILURES as error:
            self._lose(error)

    def _envelope_answered(self, letter: Letter) -> None:
        letter.sender_answered(self._reply())
        letter.recipients_answered([self._reply() for _ in letter.envelope])
        reply = self._reply()
        letter.data_answered(reply)
        if letter.error:
            self._asking = None
            if reply[0] == 354:  # nobody is left: the content is one lone dot
                self._write(b".\r\n")
                self._reply()
            self._reset(letter)

    def _lose(self, error: Exception) -> None:
        handed, asking = self._handed, self._asking
        self._handed = self._asking = None
        if handed:
            handed.lost(error, after_content=True)
        if asking and not asking.error:
            asking.lost(error, after_content=False)
        self._break()
