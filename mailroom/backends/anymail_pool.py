"""A provider's API behind Anymail: many messages in a call, or else many calls side by side."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection

from mailroom.backends import EachBackend
from mailroom.backends.deadlines import DeadlineResponse
from mailroom.bulk.batch_api import BATCH_CALLS, batch_mail, groups
from mailroom.bulk.merge_mail import PersonalMail
from mailroom.bulk.precompiled import header
from mailroom.messages.merge_fields import fill_slots
from mailroom.messages.serializers import Mail, folded, thaw_extras
from mailroom.outcomes import (
    Fault,
    NotStarted,
    Unbuildable,
    Verdict,
    classify,
    is_down,
    may_start,
    recipient_outcomes,
    was_accepted,
)

logger = logging.getLogger(__name__)

CALLS_AT_ONCE = 16
# Anymail's backends that refuse metadata. What these providers report is matched by their own ids.
WITHOUT_METADATA = {
    "anymail.backends.mailersend.EmailBackend",
    "anymail.backends.postal.EmailBackend",
}


class CallsBackend(EachBackend):
    """Sends through a provider whose backend is one of Anymail's.

    path: of that backend. make: returns a new one, not open. Each message gets what Anymail
    noted on it, `anymail_status`, or `outcomes` where it shared a call.
    """

    def __init__(self, alias: str, path: str, make: Callable[[], BaseEmailBackend]) -> None:
        super().__init__(alias=alias)
        self.make = make
        self._batch_call = BATCH_CALLS.get(path)
        self._keeps_metadata = path not in WITHOUT_METADATA
        self.takes_bytes = takes_raw(path)
        self.takes_values = self._batch_call is not None
        self._free: list[BaseEmailBackend] = []
        self._pool: ThreadPoolExecutor | None = None

    def open(self) -> bool:
        """Open one connection; more are opened when there are more calls at once."""
        if not self._free:
            self._give_back(self._take())
        return False

    def close(self) -> None:
        """Close all connections."""
        if self._pool:
            self._pool.shutdown()
            self._pool = None
        mailers_open, self._free = self._free, []
        for mailer in mailers_open:
            mailer.close()

    def send_each(self, email_messages: Sequence[EmailMessage]) -> list[Exception | None]:
        batch = [one for one in email_messages if isinstance(one, PersonalMail)]
        if not (self._batch_call and batch):
            return self._side_by_side(email_messages)
        errors: dict[int, Exception | None] = {}
        alone = [one for one in email_messages if not isinstance(one, PersonalMail)]
        for group in groups(batch, self._batch_call):
            if len(group) == 1:
                alone += group
                continue
            for start in range(0, len(group), self._batch_call.most):
                errors |= self._together(group[start : start + self._batch_call.most])
        results = self._side_by_side(alone)
        errors |= {id(one): error for one, error in zip(alone, results, strict=True)}
        return [errors[id(one)] for one in email_messages]

    def _together(self, group: Sequence[PersonalMail]) -> dict[int, Exception | None]:
        """Send in one call. One that is refused for a message in it is tried in halves."""
        if len(group) == 1:
            return {id(group[0]): self._side_by_side(group)[0]}
        assert self._batch_call
        try:
            mail: Any = batch_mail(group, self._batch_call)
            mail.may_start = getattr(group[0], "may_start", None)
        except Exception as error:  # noqa: BLE001  (an app's values may be anything)
            refusal: Exception | None = Unbuildable(error)
        else:
            refusal = self._call(mail)
        if refusal and _is_about_a_message(refusal):
            middle = len(group) // 2
            return self._together(group[:middle]) | self._together(group[middle:])
        own = {} if refusal else recipient_outcomes(mail)
        for one in group:
            if outcome := own.get(one.delivery.address.lower()):
                one.outcomes = {one.delivery.address.lower(): outcome}  # type: ignore[attr-defined]
        return dict.fromkeys(map(id, group), refusal)

    def _side_by_side(self, messages: Sequence[EmailMessage]) -> list[Exception | None]:
        """One call each, several at once. No more are begun once the provider is down."""
        if len(messages) <= 1:
            return [self._call(message) for message in messages]
        answers: list[Exception | None] = []  # in the order in which they came

        def call(message: EmailMessage) -> Exception | None:
            latest = list(answers)  # other threads add to them meanwhile
            if is_down(latest):
                return latest[-1]
            error = self._call(message)
            answers.append(error)
            connection.close()  # a receiver of Anymail's signals may have opened one
            return error

        self._pool = self._pool or ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="call")
        return list(self._pool.map(call, messages))

    def _call(self, message: EmailMessage) -> Exception | None:
        if not may_start(message):
            return NotStarted()
        try:
            sendable = self._sendable(message)
            mailer = self._take()
        except Exception as error:  # noqa: BLE001  (it is classified)
            return error
        try:
            mailer.send_messages([sendable])
        except Exception as error:  # noqa: BLE001  (it is classified)
            if not was_accepted(sendable, error):
                return error
            logger.warning("A signal receiver failed after the email was accepted: %r", error)
        finally:
            self._give_back(mailer)
            if sendable is not message and hasattr(sendable, "anymail_status"):
                message.anymail_status = sendable.anymail_status  # type: ignore[attr-defined]
        return None

    def _sendable(self, message: EmailMessage) -> EmailMessage:
        if isinstance(message, PersonalMail):
            wire = message.wire if self.takes_bytes else None
            return RawMail(message, wire) if wire else self._taken(message.whole())
        return self._taken(message)

    def _taken(self, message: EmailMessage) -> EmailMessage:
        if not self._keeps_metadata:
            vars(message).pop("metadata", None)
        return message

    def _take(self) -> BaseEmailBackend:
        """A backend that nobody uses now: Anymail's are not made for several threads."""
        try:
            return self._free.pop()  # atomic, as append is
        except IndexError:
            mailer = self.make()
            mailer.open()
            _limit_answers(mailer)
            return mailer

    def _give_back(self, mailer: BaseEmailBackend) -> None:
        self._free.append(mailer)


def _is_about_a_message(error: Exception) -> bool:
    """Refused for good, for one address perhaps: Mailgun refuses a whole call for that."""
    outcome = classify(error)
    is_its_own = outcome.fault in {Fault.MESSAGE, Fault.RECIPIENT, Fault.CONTENT}
    return outcome.verdict is Verdict.FOR_GOOD and is_its_own


class _DeadlineAdapter(requests.adapters.HTTPAdapter):
    """requests' own, with the read timeout for a whole answer, directly or through a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _limit_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        _limit_pools(manager)
        return manager


def _limit_answers(mailer: Any) -> None:
    """Let no answer of a provider take longer than its timeout, in however many pieces it comes."""
    session = getattr(mailer, "session", None)
    if isinstance(session, requests.Session):
        session.mount("https://", _DeadlineAdapter())
        session.mount("http://", _DeadlineAdapter())
    elif boto := getattr(getattr(mailer, "client", None), "_endpoint", None):  # Amazon SES
        _limit_pools(boto.http_session._manager)


def _limit_pools(manager: Any) -> None:
    """Give a urllib3 manager connections whose answers have a deadline."""
    manager.pool_classes_by_scheme = {
        scheme: _limited(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _limited(pool: Any) -> Any:
    if pool.ConnectionCls.response_class is DeadlineResponse:
        return pool
    own = {"response_class": DeadlineResponse}
    connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), own)
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


# Anymail's backends that send what `message()` gives, byte for byte.
RAW = {"anymail.backends.amazon_ses.EmailBackend"}


def takes_raw(path: str) -> bool:
    """True where Anymail's backend of that path sends what `message()` gives, byte for byte."""
    return path in RAW


class RawMail(Mail):
    """A personal mail whose MIME message is its ready bytes.

    mail: one that has them. Anymail reads addresses and its own extras off it as ever.
    """

    def __init__(self, mail: PersonalMail, wire: bytes) -> None:
        delivery = mail.delivery
        frozen = delivery.message
        super().__init__(
            subject=fill_slots(frozen.subject, mail.values),
            from_email=frozen.from_email,
            to=[delivery.address],
            headers={"Message-ID": delivery.message_id_header},
        )
        thaw_extras(self, frozen.content, delivery)
        self._wire = wire

    def message(self, **_: Any) -> Any:
        """What Anymail takes for a MIME message: it adds headers, looks at parts, wants bytes."""
        return _Bytes(self._wire)


class _Bytes:
    """As much of email.message.Message as Anymail's SES payload uses."""

    def __init__(self, wire: bytes) -> None:
        self._lines: list[bytes] = []
        self._wire = wire

    def add_header(self, name: str, value: str) -> None:
        line = folded(name, value)
        self._lines.append(line.encode() if line else header(name, value))

    __setitem__ = add_header

    def walk(self) -> Iterator[Any]:
        """No part needs another transfer encoding: a skeleton is ASCII throughout."""
        return iter(())

    def as_bytes(self) -> bytes:
        return b"".join([*self._lines, self._wire])
