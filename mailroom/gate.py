"""The gate: what must not be sent any more is stopped here, just before it would be."""

import logging
import time
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from django.utils import timezone
from django.utils.module_loading import import_string

from mailroom import staging
from mailroom.addresses import address_key
from mailroom.models import Delivery, Message, Suppression
from mailroom.outcomes import describe, is_database_away
from mailroom.signals import Cancel, about_to_send
from mailroom.windows import SECONDS

logger = logging.getLogger(__name__)


class Findings(NamedTuple):
    """What must not be sent: the reason to skip it, or the error of a hook, by delivery id."""

    skip: dict[int, str]
    fail: dict[int, str]

    @property
    def ids(self) -> set[int]:
        return self.skip.keys() | self.fail.keys()


class Gate:
    """Asks about the rows of a batch, window by window in their order.

    rows: the batch. alias: the mailer that would carry them. The windows of bulk mail that go out
    within a tenth of a second are asked about together: a question costs more than a mail.
    """

    def __init__(self, rows: Sequence[Delivery], alias: str) -> None:
        self._rows, self._alias = rows, alias
        self._passed = self._first = self._end = 0  # places in rows: now; what was asked about
        self._asked_at = 0.0
        self._found = Findings({}, {})

    def check(self, number: int) -> Findings:
        """Which of the next `number` rows must not go out, and why.

        Raises OperationalError or InterfaceError where the database is away or locked.
        """
        window = self._rows[self._passed : self._passed + number]
        now = time.monotonic()
        if self._passed + number > self._end or now - self._asked_at > SECONDS:
            self._ask(window, now)
        self._passed += number
        skip = {one.pk: self._found.skip[one.pk] for one in window if one.pk in self._found.skip}
        fail = {one.pk: self._found.fail[one.pk] for one in window if one.pk in self._found.fail}
        others = [one for one in window if one.pk not in skip and one.pk not in fail]
        return Findings(skip | _cancelled(others, self._alias), fail)

    def _ask(self, window: Sequence[Delivery], now: float) -> None:
        rate = (self._passed - self._first) / max(now - self._asked_at, 0.001)
        behind = self._passed + len(window)
        further = self._rows[behind : max(behind, self._passed + int(rate * SECONDS))]
        rows = [*window, *takewhile(lambda one: one.message.is_bulk, further)]
        self._first, self._end = self._passed, self._passed + len(rows)
        self._asked_at, self._found = now, findings(rows)


def findings(deliveries: Sequence[Delivery]) -> Findings:
    """Which of the deliveries the database has something against, and what."""
    found = Findings({}, {})
    by_message: dict[int, list[Delivery]] = {}
    for one in deliveries:
        by_message.setdefault(one.message_id, []).append(one)
    stopped = Message.objects.filter(pk__in=by_message).exclude(cancel_reason="")
    cancelled = dict(stopped.values_list("pk", "cancel_reason"))
    for message_id, own in by_message.items():
        message = own[0].message
        if reason := cancelled.get(message_id):
            found.skip.update((one.pk, reason) for one in own)
            continue
        found.skip.update(_expired(own) | _suppressed(message, own))
        found.skip.update((one.pk, "staging") for one in own if staging.is_held_back(one.address))
        _ask_hook(message, [one for one in own if one.pk not in found.skip], found)
    return found


def _expired(deliveries: Sequence[Delivery]) -> dict[int, str]:
    now = timezone.now()
    return {one.pk: "expired" for one in deliveries if one.expires_at and one.expires_at <= now}


def _suppressed(message: Message, deliveries: Sequence[Delivery]) -> dict[int, str]:
    stopping = Suppression.objects.stopping(
        [one.address for one in deliveries], channel=message.channel, is_bulk=message.is_bulk
    )
    stopped = [one for one in deliveries if address_key(one.address) in stopping]
    return {one.pk: "suppressed" for one in stopped if not _may_try(message, one)}


def _may_try(message: Message, delivery: Delivery) -> bool:
    """A mail that its reader asks for is tried once a day, also where the address bounced.

    The address may have been mended since, and nothing else could tell.
    """
    if not message.row.asked:
        return False
    begun = delivery.attempts > 0  # a retry of the mail that was let through
    return begun or Suppression.objects.try_once_a_day(delivery.address)


def _ask_hook(message: Message, deliveries: Sequence[Delivery], found: Findings) -> None:
    """Ask the `gate` hook of the message's type; one that raises is asked about each row alone."""
    if not message.row.gate or not deliveries:
        return
    try:
        found.skip.update(_reasons(message.row.gate, deliveries))
    except Exception as error:
        if is_database_away(error):
            raise
        if len(deliveries) == 1:
            logger.exception("The gate of %s failed.", message.type)
            found.fail[deliveries[0].pk] = describe(error)
            return
        for one in deliveries:
            _ask_hook(message, [one], found)


def _reasons(hook: str, deliveries: Sequence[Delivery]) -> dict[int, str]:
    reasons = import_string(hook)(list(deliveries))
    if not isinstance(reasons, Mapping):
        raise TypeError(f"{hook} must return a dict of id and reason, not {reasons!r:.80}")
    asked = {one.pk for one in deliveries}
    return {pk: str(reason) for pk, reason in reasons.items() if pk in asked and reason}


def _cancelled(deliveries: Sequence[Delivery], alias: str) -> dict[int, str]:
    """What receivers of about_to_send have against them; about each they are asked once."""
    if not about_to_send.has_listeners(Delivery):
        return {}
    return {one.pk: reason for one in deliveries if (reason := _decision(one, alias))}


def _decision(delivery: Delivery, alias: str) -> str:
    told = {"channel": delivery.channel, "alias": alias, "delivery": delivery}
    try:
        about_to_send.send(Delivery, **told)
    except Cancel as decision:
        return str(decision) or "cancelled"
    except Exception as error:
        if is_database_away(error):
            raise
        logger.exception("A receiver of about_to_send failed; the others are asked.")
        answers = [answer for _, answer in about_to_send.send_robust(Delivery, **told)]
        return next((str(a) or "cancelled" for a in answers if isinstance(a, Cancel)), "")
    return ""
