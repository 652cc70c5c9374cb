"""The carrier: one open mailer, one attempt at a time, and what became of it."""

import logging
from collections.abc import Sequence
from email.utils import parseaddr
from types import TracebackType
from typing import Self

from anymail.exceptions import AnymailRecipientsRefused
from django.core.mail import EmailMultiAlternatives, mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.db import DatabaseError
from django.utils.module_loading import import_string

from mailroom.channels import children, providers
from mailroom.envelope import build
from mailroom.handing import hand_over
from mailroom.models import Delivery
from mailroom.outcomes import ACCEPTED, Fault, Outcome, Verdict, classify, describe
from mailroom.ready import Skeletons

logger = logging.getLogger(__name__)

ANYMAIL_VERDICTS = {
    "sent": Verdict.ACCEPTED,
    "queued": Verdict.ACCEPTED,
    "invalid": Verdict.FOR_GOOD,
    "rejected": Verdict.FOR_GOOD,
    "failed": Verdict.FOR_NOW,
}


class Carrier:
    """Holds a mailer open over many messages, and tries it again only when it may work.

    alias: a route or provider in MAILERS.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._mailer: BaseEmailBackend | None = None
        self._down: Outcome | None = None
        self._skeletons = Skeletons() if _takes_bytes(alias) else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    @property
    def is_down(self) -> bool:
        """True once the mailer could not be reached: what is left of a batch can wait."""
        return self._down is not None

    def send(self, deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
        """Send what shares one call; the outcome of each delivery, by its id. Never raises."""
        if self._down:
            return {one.pk: self._down for one in deliveries}
        try:
            mail = self._mail(deliveries)
        except Exception as error:  # noqa: BLE001  (a hook of an app may raise anything)
            return dict.fromkeys([one.pk for one in deliveries], _unbuildable(error))
        common = self._attempt(mail)
        for one in deliveries:
            one.alias = getattr(mail, "carried_by", self.alias)
        return _share(mail, deliveries, common)

    def _mail(self, deliveries: Sequence[Delivery]) -> EmailMultiAlternatives:
        """The mail for deliveries that share one call; bulk mail from its skeleton."""
        first = deliveries[0]
        message = first.message
        ready = None
        if self._skeletons and message.is_bulk and not (message.to or message.cc or message.bcc):
            ready = self._skeletons.ready(first)
        return ready or build(message, deliveries)

    def _attempt(self, mail: EmailMultiAlternatives) -> Outcome:
        try:
            self._hand_over(mail)
        except Exception as error:  # noqa: BLE001  (backends may raise anything: it is classified)
            if _was_accepted(mail, error):
                logger.warning("A receiver failed after the mail was accepted: %r", error)
                return ACCEPTED
            outcome = classify(error)
            if outcome.fault in {Fault.TRANSPORT, Fault.ACCOUNT}:
                self._close()
                self._down = outcome if outcome.verdict is Verdict.FOR_NOW else None
            return outcome
        return ACCEPTED

    def _hand_over(self, mail: EmailMultiAlternatives) -> None:
        if children(self.alias):
            self._opened().send_messages([mail])
        else:
            hand_over(self._opened, self.alias, mail)

    def _opened(self) -> BaseEmailBackend:
        if self._mailer is None:
            self._mailer = mailers[self.alias]
        self._mailer.open()
        return self._mailer

    def _close(self) -> None:
        mailer, self._mailer = self._mailer, None
        if mailer is not None:
            try:
                mailer.close()
            except Exception as error:  # noqa: BLE001  (the connection is given up anyway)
                logger.info("Closing %s failed: %r", self.alias, error)


def _takes_bytes(alias: str) -> bool:
    """True where a mailer below can send bytes as they are."""
    backends = (mailers.settings.get(one, {}).get("BACKEND", "") for one in providers(alias))
    return any(getattr(import_string(path), "takes_bytes", False) for path in backends if path)


def _unbuildable(error: Exception) -> Outcome:
    """What can't be built now can't be built later either, unless the database was away."""
    if isinstance(error, DatabaseError):
        return classify(error)
    return Outcome(Verdict.FOR_GOOD, describe(error), fault=Fault.MESSAGE)


def _share(
    mail: EmailMultiAlternatives, deliveries: Sequence[Delivery], common: Outcome
) -> dict[int, Outcome]:
    """Each recipient's own outcome where the provider told them apart, else the common one."""
    own = {**_from_anymail(mail), **getattr(mail, "outcomes", {})}
    if common.verdict is not Verdict.ACCEPTED and len(deliveries) == 1:
        own = {}
    return {one.pk: own.get(one.address.lower(), common) for one in deliveries}


def _from_anymail(mail: EmailMultiAlternatives) -> dict[str, Outcome]:
    status = getattr(mail, "anymail_status", None)
    recipients = getattr(status, "recipients", None) or {}
    return {
        parseaddr(address)[1].lower(): Outcome(
            ANYMAIL_VERDICTS.get(one.status, Verdict.UNKNOWN),
            error="" if one.status in {"sent", "queued"} else f"status {one.status}",
            provider_id=str(one.message_id or ""),
        )
        for address, one in recipients.items()
    }


def _was_accepted(mail: EmailMultiAlternatives, error: Exception) -> bool:
    """Anymail's receivers run after the provider's answer: their errors are none of its."""
    if isinstance(error, AnymailRecipientsRefused):
        return False
    return any(one.verdict is Verdict.ACCEPTED for one in _from_anymail(mail).values())
