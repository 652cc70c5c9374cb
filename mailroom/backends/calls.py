"""A provider's API behind Anymail: many messages in a call, or else many calls side by side."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.mail import EmailMessage, mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection

from mailroom.anymail_answers import recipient_outcomes, was_accepted
from mailroom.backends.raw import RawMail, takes_raw
from mailroom.batch_calls import BATCH_CALLS, batch_mail, groups
from mailroom.outcomes import Fault, Verdict, classify, is_down
from mailroom.ready import PersonalMail
from mailroom.verdicts import Unbuildable

logger = logging.getLogger(__name__)

CALLS_AT_ONCE = 16
Errors = list[Exception | None]


class CallsBackend(BaseEmailBackend):
    """Sends through the provider `alias` of MAILERS, whose backend is one of Anymail's.

    Each message gets what Anymail noted on it, `anymail_status`, or `outcomes` where it shared a
    call.
    """

    def __init__(self, alias: str) -> None:
        super().__init__(alias=alias)
        self._alias = alias
        path = mailers.settings[alias]["BACKEND"]
        self._batch_call = BATCH_CALLS.get(path)
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

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send the messages; how many. Raises the first error once all were tried."""
        for error in self.send_each(email_messages):
            if error:
                raise error
        return len(email_messages)

    def send_each(self, email_messages: Sequence[EmailMessage]) -> Errors:
        """Send the messages; for each, the exception that `send_messages` would raise for it."""
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

    def _side_by_side(self, messages: Sequence[EmailMessage]) -> Errors:
        """One call each, several at once. Nobody knocks at a door that was just shut."""
        if len(messages) <= 1:
            return [self._call(message) for message in messages]
        shut: Errors = []

        def call(message: EmailMessage) -> Exception | None:
            if shut:
                return shut[0]
            error = self._call(message)
            if error and is_down(error):
                shut.append(error)
            connection.close()  # a receiver of Anymail's signals may have opened one
            return error

        self._pool = self._pool or ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="call")
        return list(self._pool.map(call, messages))

    def _call(self, message: EmailMessage) -> Exception | None:
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
            logger.warning("A receiver failed after the mail was accepted: %r", error)
        finally:
            self._give_back(mailer)
            if sendable is not message and hasattr(sendable, "anymail_status"):
                message.anymail_status = sendable.anymail_status  # type: ignore[attr-defined]
        return None

    def _sendable(self, message: EmailMessage) -> EmailMessage:
        if not isinstance(message, PersonalMail):
            return message
        wire = message.wire if self.takes_bytes else None
        return RawMail(message, wire) if wire else message.whole()

    def _take(self) -> BaseEmailBackend:
        """A backend that nobody uses now: Anymail's are not made for several threads."""
        try:
            return self._free.pop()  # atomic, as append is
        except IndexError:
            mailer = mailers[self._alias]
            mailer.open()
            return mailer

    def _give_back(self, mailer: BaseEmailBackend) -> None:
        self._free.append(mailer)


def _is_about_a_message(error: Exception) -> bool:
    """Refused for good, for one address perhaps: Mailgun refuses a whole call for that."""
    outcome = classify(error)
    is_its_own = outcome.fault in {Fault.MESSAGE, Fault.CONTENT}
    return outcome.verdict is Verdict.FOR_GOOD and is_its_own
