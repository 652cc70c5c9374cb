"""What the tests of crossing features stand on: a provider that tells all, and workers that die.

Everything here uses public verbs, so that the tests don't know how the engine works inside. `work`
is the one place that names its entry points.
"""

import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.utils import timezone

from mailroom.delivery import breaker
from mailroom.delivery.engine import deliver_due
from mailroom.delivery.feedback import handle_waiting
from mailroom.message_types import bulk, transactional
from mailroom.models import (
    Attempt,
    ClockLease,
    Delivery,
    Event,
    MailerHealth,
    Message,
    OutcomeCount,
    Suppression,
)
from mailroom.outcomes import OutcomeUnknown
from mailroom.worker import jobs

CHANNELS = ("letters", "bulletin")
HERE = "tests.mailroom.crossing.world"
BAD_HOOKS = [
    "personal raises",
    "personal returns nonsense",
    "personal misses a slot",
    "gate raises",
    "gate returns nonsense",
]
HOOKS = [*BAD_HOOKS, "nothing", "gate skips", "database away"]
TYPES = {
    "tests.letter": transactional("letters"),
    "tests.code": transactional("letters", lasts=timedelta(minutes=3), secret=True),
    "tests.bulletin": bulk("bulletin"),
    "tests.personal_gone": bulk("bulletin", personal=f"{HERE}.removed"),
    "tests.gate_gone": bulk("bulletin", gate=f"{HERE}.removed"),
    "tests.hooked": bulk("bulletin", personal=f"{HERE}.personal", gate=f"{HERE}.gate"),
}
MAILERS = {
    "letters": {
        "BACKEND": "mailroom.backends.outbox.EmailBackend",
        "OPTIONS": {"via": "route", "from_email": "Letters <letters@mailroom.test>"},
    },
    "bulletin": {
        "BACKEND": "mailroom.backends.outbox.EmailBackend",
        "OPTIONS": {"via": "route", "from_email": "Bulletin <bulletin@mailroom.test>"},
    },
    "route": {
        "BACKEND": "mailroom.backends.failover.EmailBackend",
        "OPTIONS": {"via": ["first", "second"]},
    },
    "first": {"BACKEND": f"{HERE}.Provider"},
    "second": {"BACKEND": f"{HERE}.Provider"},
}
TABLES = (Attempt, Event, Delivery, Message, Suppression, MailerHealth, ClockLease, OutcomeCount)


class Death(BaseException):
    """A worker is killed here: nothing of it runs on, no `finally` and no statement."""


class Sent(NamedTuple):
    """One email that a provider accepted."""

    delivery: int  # by its Message-ID
    to: tuple[str, ...]  # the envelope's recipients
    visible: str  # To and Cc as they were written
    subject: str
    body: str
    by: str  # the provider


@dataclass
class World:
    """What the provider answers and heard, and what hooks do. One for each example."""

    answers: dict[str, str] = field(default_factory=dict)  # by address; "accept" without one
    down: set[str] = field(default_factory=set)  # providers that refuse connections
    hooks: dict[str, str] = field(default_factory=dict)  # by address: what a hook does
    log: list[Sent] = field(default_factory=list)
    during: Callable[[], None] | None = None  # done once, while an email is being handed over
    heard: Callable[[Sent], None] = lambda sent: None  # called with each email handed over
    is_dead: bool = False


world = World()


def start_anew() -> World:
    """An empty database and a provider that accepts everything."""
    global world  # noqa: PLW0603  (hooks and backends are found by their dotted paths)
    world = World()
    breaker.forget()
    with connection.cursor() as cursor:
        for model in TABLES:
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
    return world


class Provider(BaseEmailBackend):
    """A provider whose answers `world` decides."""

    def send_messages(self, email_messages: Any) -> int:
        for message in email_messages:
            self._send(message)
        return len(email_messages)

    def _send(self, message: Any) -> None:
        if self.alias in world.down:  # type: ignore[attr-defined]
            raise ConnectionRefusedError(f"{self.alias} is down")  # type: ignore[attr-defined]
        raw = message.message()
        rows = Delivery.objects.select_related("message").order_by("pk")
        pk = next(one.pk for one in rows if one.message_id_header == raw["Message-ID"])
        to = tuple(one.rpartition("<")[2].rstrip(">") for one in message.recipients())
        visible = f"{raw['To']} {raw['Cc']}"
        sent = Sent(pk, to, visible, message.subject, message.body, self.alias)  # type: ignore[attr-defined]
        world.heard(sent)
        during, world.during = world.during, None
        if during:
            during()
        answer = next((world.answers[one] for one in to if one in world.answers), "accept")
        self._answer(answer, sent)

    def _answer(self, answer: str, sent: Sent) -> None:
        words = f"about {' '.join(sent.to)}".encode()
        match answer:
            case "450":
                raise smtplib.SMTPDataError(450, words)
            case "550":
                raise smtplib.SMTPDataError(550, words)
            case "account":
                raise smtplib.SMTPAuthenticationError(535, b"who are you")
            case "lost":
                raise OutcomeUnknown(words.decode())
            case "die":
                _die()
        world.log.append(sent)
        match answer:
            case "accept, lost":
                raise OutcomeUnknown(words.decode())
            case "accept, die":
                _die()


def _die() -> None:
    world.is_dead = True
    raise Death


def personal(delivery: Delivery) -> Any:
    """The `personal` hook of tests.hooked."""
    match world.hooks.get(delivery.address):
        case "personal raises":
            raise RuntimeError(f"no values for {delivery.address}")
        case "personal returns nonsense":
            return 42
        case "personal misses a slot":
            return {}
        case "database away":
            raise _away()
    return {"greeting": f"Hello {delivery.address}"}


def gate(deliveries: list[Delivery]) -> Any:
    """The `gate` hook of tests.hooked."""
    for one in deliveries:
        match world.hooks.get(one.address):
            case "gate raises":
                raise KeyError(f"nothing known of {one.address}")
            case "gate returns nonsense":
                return None
            case "gate skips":
                return {one.pk: "not today"}
    return {}


def _away() -> Exception:
    from django.db import OperationalError

    return OperationalError("server closed the connection unexpectedly")


def work() -> None:
    """Do all that one worker would do now, once: settle, expire, send, handle what was reported."""
    settle()
    jobs.expire_waiting()
    for channel in CHANNELS:
        if Delivery.objects.due().filter(channel=channel).exists():
            deliver_due(channel)
    handle_waiting()


def settle() -> None:
    """Settle what a dead or slow worker left in flight.

    On PostgreSQL leases end by its own clock, which no test moves: the rows are.
    """
    late = Delivery.objects.filter(state=Delivery.State.SENDING, leased_until__lt=timezone.now())
    late.update(leased_until=datetime(2020, 1, 1, tzinfo=UTC))
    jobs.settle_after_crashes()


def forget_old() -> None:
    """Delete what is older than it may be kept."""
    jobs.delete_old_messages()


@contextmanager
def mortal(commit: int = 0, *, after: bool = False) -> Iterator[None]:
    """Run a worker that may die: by itself, or at its commit number `commit`, counted from one.

    It dies before that commit reaches the database or, with `after`, once it did. A dead worker's
    `finally` blocks run in this process, so each further statement of it is refused.
    """
    commits, original = 0, connection._commit

    def cut() -> None:
        nonlocal commits
        commits += 1
        if world.is_dead or commits == commit:
            if after and not world.is_dead:
                original()
            elif connection.connection is not None:
                connection.connection.rollback()
            _die()
        original()

    def refuse_the_dead(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if world.is_dead:
            raise Death
        return execute(sql, params, many, context)

    connection._commit = cut
    try:
        with connection.execute_wrapper(refuse_the_dead):
            yield
    except Death:
        pass
    finally:
        connection._commit, world.is_dead = original, False
        connection.run_on_commit = []
        if connection.connection is not None and not transaction.get_autocommit():
            connection.set_autocommit(True)
        breaker.forget()
