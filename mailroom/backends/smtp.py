"""Django's SMTP backend, made fast, and to say what became of each message and recipient."""

import smtplib
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from mailroom.backends.dialogue import Dialogue, Pipeline
from mailroom.backends.letter import Letter
from mailroom.backends.writing import Writer

LETTERS_A_CONNECTION = 8  # fewer aren't worth another connection to a server that is near
FAR = 0.002  # seconds a letter: from here on, waiting is most of it, and more connections wait less
FAILURES = (smtplib.SMTPException, OSError)


class EmailBackend(smtp.EmailBackend):
    """As Django's, with PIPELINING (RFC 2920) where the server offers it.

    connections: how many are opened at most, where there are many messages. The other options are
    Django's.

    Each message gets `outcomes`, a dict of bare address in lower case → Outcome, for the recipients
    that were told apart. An exception means that no other was accepted; OutcomeUnknown, that the
    content was handed over and no answer came.
    """

    takes_bytes = True  # a PersonalMail's, as they are

    connection: Any  # smtplib.SMTP while a message is sent, which is when it is used

    def __init__(self, *, connections: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self.connections = connections
        self._options = options
        self._others: list[EmailBackend] = []
        self._writer = Writer(self.prep_address)
        self._talks: Dialogue | None = None
        self._wanted = 1

    def close(self) -> None:
        """Close all connections."""
        others, self._others = self._others, []
        for other in others:
            other.close()
        super().close()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send the messages; how many went out. Raises the first error once all were tried."""
        errors = self.send_each(email_messages)
        first = next((error for error in errors if error), None)
        if first and not self.fail_silently:
            raise first
        pairs = zip(email_messages, errors, strict=True)
        return sum(not error and bool(message.recipients()) for message, error in pairs)

    def send_each(self, email_messages: Sequence[EmailMessage]) -> list[Exception | None]:
        """Send the messages; for each, the exception that `send_messages` would raise for it."""
        with self._lock:
            is_new = self.connection is None
            try:
                self._open()
                return self._exchange(email_messages)
            except FAILURES as error:
                return [error] * len(email_messages)
            finally:
                if is_new:
                    self.close()

    def _open(self) -> None:
        self.open()
        if self.connection is None:  # open() failed silently
            raise smtplib.SMTPServerDisconnected("Connection not open")
        self.connection.ehlo_or_helo_if_needed()

    def _exchange(self, email_messages: Sequence[EmailMessage]) -> list[Exception | None]:
        made: list[Letter | Exception | None] = []
        self._post(self._letters(email_messages, made), len(email_messages))
        errors: list[Exception | None] = []
        for message, one in zip(email_messages, made, strict=True):
            if isinstance(one, Letter):
                message.outcomes = one.outcomes  # type: ignore[attr-defined]
                errors.append(one.error or one.unanswered())
            else:
                errors.append(one)
        return errors

    def _letters(
        self, messages: Sequence[EmailMessage], made: list[Letter | Exception | None]
    ) -> Iterator[Letter]:
        """Letters, each made while the server works on the one before; noted in `made`."""
        for message in messages:
            one = self._writer.letter(message, self.connection)
            made.append(one)
            if isinstance(one, Letter):
                yield one

    def _post(self, letters: Iterable[Letter], number: int) -> None:
        """Send the letters over the connections in turn, again where a server cut them short."""
        while True:
            lines = self._lines(number)
            begun = time.monotonic()
            posted: list[Letter] = []
            for letter in letters:
                lines[len(posted) % len(lines)].add(letter)
                posted.append(letter)
            for line in lines:
                line.push()
            for line in lines:
                line.finish()
            self._learn(len(lines), len(posted), time.monotonic() - begun)
            broken = self._forget_broken(lines)
            letters = [letter for letter in posted if letter.was_cut]
            number = len(letters)
            if not letters or not any(line.served for line in broken):
                return  # one that is cut at once will be again
            try:
                self._open()
            except FAILURES as error:
                for letter in letters:
                    letter.error = error
                return
            for letter in letters:
                letter.error = None

    def _lines(self, number: int) -> list[Dialogue]:
        """A way to talk for each connection that so many letters are worth."""
        if not self.connection.has_extn("pipelining"):
            return [self._line(Dialogue)]
        wanted = min(self.connections, max(self._wanted, number // LETTERS_A_CONNECTION))
        while len(self._others) < wanted - 1 and self._opens_another():
            pass
        return [one._line(Pipeline) for one in [self, *self._others[: wanted - 1]]]

    def _learn(self, lines: int, letters: int, seconds: float) -> None:
        """The farther the server is, the more connections are wanted next time."""
        if letters > 1 and letters >= lines and seconds / letters > FAR:
            self._wanted = 2 * lines

    def _line(self, kind: type[Dialogue]) -> Dialogue:
        """The way to talk over this backend's own connection, for as long as that lives."""
        if self._talks is None or self._talks.connection is not self.connection:
            self._talks = kind(self.connection)
        return self._talks

    def _opens_another(self) -> bool:
        """One more connection, if the server has one for us."""
        other = type(self)(connections=1, **self._options)
        try:
            other._open()
        except FAILURES:
            self.connections = 1 + len(self._others)
            return False
        self._others.append(other)
        return True

    def _forget_broken(self, lines: list[Dialogue]) -> list[Dialogue]:
        broken = [line for line in lines if line.is_broken]
        self._others = [one for one in self._others if one._talks not in broken]
        if self._talks in broken:
            self.connection = None
        return broken
