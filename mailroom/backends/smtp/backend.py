"""Django's SMTP backend, made fast, and to say what became of each message and recipient."""

import smtplib
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from mailroom.backends.smtp.session import (
    FAILURES,
    Connection,
    PipelinedSession,
    SecureConnection,
    Session,
)
from mailroom.backends.smtp.transaction import Transaction, transaction_for
from mailroom.outcomes import IN_A_ROW, NotStarted, may_start, refuses_account

MESSAGES_A_CONNECTION = 8  # fewer aren't worth another connection to a server that is near
FAR = 0.002  # seconds a message: from here on, most of it is waiting; more connections wait less


class _NotOpened(smtplib.SMTPServerDisconnected):
    """`open` failed silently, as it was asked to."""


class EmailBackend(smtp.EmailBackend):
    """As Django's, with PIPELINING (RFC 2920) where the server offers it.

    connections: how many are opened at most, where there are many messages. timeout: seconds for a
    whole reply; a message has five times as long, and longer where it is large. The other options
    are Django's.

    Each message gets `outcomes`, a dict of bare address in lower case → Outcome, for the recipients
    that were told apart. An exception means that no other was accepted; OutcomeUnknown, that the
    content was handed over and no answer came.
    """

    takes_bytes = True  # a PersonalMail's, as they are

    connection: Any  # a Connection while a message is sent, which is when it is used

    def __init__(self, *args: Any, connections: int = 4, **options: Any) -> None:
        super().__init__(*args, **options)
        self.connections = connections
        self._options = args, options
        self._sending = threading.RLock()
        self._others: list[EmailBackend] = []
        self._own_session: Session | None = None
        self._wanted = 1
        self._prepared = lru_cache(1000)(self.prep_address)  # senders repeat, and are slow to parse

    @property
    def connection_class(self) -> Any:
        return SecureConnection if self.use_ssl else Connection

    def open(self) -> bool | None:
        """As Django's: True for a new connection, False for an old one, None where none opens."""
        opened: bool | None = super().open()
        if opened:
            self.connection.end()
        return opened

    def close(self) -> None:
        """Close all connections."""
        others, self._others = self._others, []
        for other in others:
            other.close()
        super().close()

    def send_messages(self, email_messages: Iterable[EmailMessage]) -> int:
        """Send the messages; how many went out. Raises the first error once all were tried."""
        messages = list(email_messages)
        errors = self.send_each(messages)
        first = next((error for error in errors if error), None)
        if isinstance(first, _NotOpened):
            return 0
        if first and not self.fail_silently:
            raise first
        pairs = zip(messages, errors, strict=True)
        return sum(not error and bool(message.recipients()) for message, error in pairs)

    def send_each(self, email_messages: Sequence[EmailMessage]) -> list[Exception | None]:
        """Send the messages; for each, the exception that `send_messages` would raise for it."""
        if not any(message.recipients() for message in email_messages):
            return [None] * len(email_messages)
        with self._sending:
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
        if self.open() is None or self.connection is None:
            raise _NotOpened("Connection not open")
        self.connection.ehlo_or_helo_if_needed()

    def _exchange(self, email_messages: Sequence[EmailMessage]) -> list[Exception | None]:
        made: list[Transaction | Exception | None] = []
        self._send_all(self._transactions(email_messages, made), len(email_messages))
        errors: list[Exception | None] = []
        for message, one in zip(email_messages, made, strict=True):
            if isinstance(one, Transaction):
                message.outcomes = one.outcomes  # type: ignore[attr-defined]
                errors.append(one.error or one.unanswered())
            else:
                errors.append(one)
        return errors

    def _transactions(
        self, messages: Sequence[EmailMessage], made: list[Transaction | Exception | None]
    ) -> Iterator[Transaction]:
        """Transactions, each made while the server works on the one before; noted in `made`.

        No more are started once the server has refused our account several times in a row.
        """
        answered = slice(-IN_A_ROW - 2 * self.connections, -2 * self.connections)
        for message in messages:
            one: Transaction | Exception | None = NotStarted()
            known = [getattr(one, "error", None) for one in made[answered]]
            if may_start(message) and not (known and all(known) and refuses_account(known)):
                one = transaction_for(message, self.connection, self._prepared)
            made.append(one)
            if isinstance(one, Transaction):
                yield one

    def _send_all(self, transactions: Iterable[Transaction], number: int) -> None:
        """Send over the connections in turn, and again what a server cut short."""
        while True:
            sessions = self._sessions(number)
            begun = time.monotonic()
            sent: list[Transaction] = []
            for transaction in transactions:
                sessions[len(sent) % len(sessions)].add(transaction)
                sent.append(transaction)
            for session in sessions:
                session.push()
            for session in sessions:
                session.finish()
            self._choose_connections(len(sessions), len(sent), time.monotonic() - begun)
            broken = self._forget_broken(sessions)
            transactions = [transaction for transaction in sent if transaction.was_cut]
            number = len(transactions)
            if not transactions or not any(session.served for session in broken):
                return  # one that is cut at once will be again
            try:
                self._open()
            except FAILURES as error:
                for transaction in transactions:
                    transaction.error = error
                return
            for transaction in transactions:
                transaction.error = None

    def _sessions(self, number: int) -> list[Session]:
        """A session for each connection that so many transactions are worth."""
        if not self.connection.has_extn("pipelining"):
            return [self._session(Session)]
        wanted = min(self.connections, max(self._wanted, number // MESSAGES_A_CONNECTION))
        while len(self._others) < wanted - 1 and self._opens_another():
            pass
        return [one._session(PipelinedSession) for one in [self, *self._others[: wanted - 1]]]

    def _choose_connections(self, sessions: int, transactions: int, seconds: float) -> None:
        """The farther the server is, the more connections are wanted next time."""
        if transactions > 1 and transactions >= sessions and seconds / transactions > FAR:
            self._wanted = 2 * sessions

    def _session(self, kind: type[Session]) -> Session:
        """The session on this backend's own connection, for as long as that lives."""
        if self._own_session is None or self._own_session.connection is not self.connection:
            self._own_session = kind(self.connection)
        return self._own_session

    def _opens_another(self) -> bool:
        """One more connection, if the server has one for us."""
        args, options = self._options
        other = type(self)(*args, connections=1, **options)
        try:
            other._open()
        except FAILURES:
            self.connections = 1 + len(self._others)
            return False
        self._others.append(other)
        return True

    def _forget_broken(self, sessions: list[Session]) -> list[Session]:
        broken = [session for session in sessions if session.is_broken]
        self._others = [one for one in self._others if one._own_session not in broken]
        if self._own_session in broken:
            self.connection = None
        return broken
