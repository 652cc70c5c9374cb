"""The carrier: one open mailer, a window of mails at a time, and what became of each."""

import logging
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from mailroom.api_outcomes import recipient_outcomes
from mailroom.envelope import build, personal_values
from mailroom.handing import carry_each
from mailroom.models import Delivery
from mailroom.opening import mailer_for, takes_bytes
from mailroom.outcomes import (
    ACCEPTED,
    IN_A_ROW,
    PROVIDER_FAULTS,
    Fault,
    Outcome,
    Verdict,
    classify,
    describe,
    is_database_away,
    is_down,
)
from mailroom.ready import PersonalMail, Skeletons

logger = logging.getLogger(__name__)

Parcel = Sequence[Delivery]  # what shares one mail
Built = tuple[EmailMultiAlternatives, Parcel]  # a mail and who gets it
Outcomes = dict[int, Outcome]  # by the delivery's id


class Carrier:
    """Holds a mailer open over many windows, and tries it again only when it may work.

    alias: a route or provider in MAILERS.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._mailer: BaseEmailBackend | None = None
        self._down: Outcome | None = None
        self._answers: list[Exception | None] = []
        self._skeletons = Skeletons() if takes_bytes(alias) else None

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

    def try_again(self) -> None:
        """A new batch: the mailer may be reachable again."""
        self._down = None

    def build(self, parcels: Sequence[Parcel]) -> tuple[list[Built], dict[int, str]]:
        """The mails of a window, and the error of each delivery that can't be built, by its id.

        Hooks of apps run here, before anything is sent. Raises OperationalError or InterfaceError
        where the database is away or locked: that is no fault of any of them.
        """
        built: list[Built] = []
        errors: dict[int, str] = {}
        for parcel in parcels:
            try:
                built.append((self._mail(parcel), parcel))
            except Exception as error:
                if is_database_away(error):
                    raise
                errors |= dict.fromkeys([one.pk for one in parcel], describe(error))
        return built, errors

    def send(self, built: Sequence[Built]) -> Outcomes:
        """Send what was built; the outcome of each delivery, by its id. Never raises."""
        outcomes: Outcomes = {}
        errors = carry_each(self._opened, self.alias, [mail for mail, _ in built])
        for (mail, parcel), answer in zip(built, errors, strict=True):
            common = self._learn(answer)
            refused_by = getattr(mail, "refused_by", [])
            for one in parcel:
                one.alias = getattr(mail, "carried_by", self.alias)
                # The last refusal is the outcome itself, unless another provider accepted.
                earlier = refused_by[:-1] if answer else refused_by
                one.refused_by = [  # type: ignore[attr-defined]
                    (alias, _about(one, parcel, refusal), at) for alias, refusal, at in earlier
                ]
            outcomes |= _share(mail, parcel, common)
        return outcomes

    def _mail(self, parcel: Parcel) -> EmailMultiAlternatives:
        """The mail for deliveries that share one; bulk mail from its skeleton."""
        first = parcel[0]
        message = first.message
        if message.is_bulk and not (message.to or message.cc or message.bcc):
            skeleton = self._skeletons.of(first) if self._skeletons else None
            return PersonalMail(first, personal_values(first), skeleton)
        return build(message, parcel)

    def _learn(self, error: Exception | None) -> Outcome:
        """The outcome that an answer stands for; a mailer that is at fault is closed."""
        self._answers = [*self._answers[1 - IN_A_ROW :], error]
        if error is None:
            return ACCEPTED
        outcome = classify(error)
        if outcome.fault in PROVIDER_FAULTS:
            self._close()
        if is_down(self._answers):
            self._down = outcome
        return outcome

    def _opened(self) -> BaseEmailBackend:
        if self._mailer is None:
            self._mailer = mailer_for(self.alias)
        self._mailer.open()
        return self._mailer

    def _close(self) -> None:
        mailer, self._mailer = self._mailer, None
        if mailer is not None:
            try:
                mailer.close()
            except Exception as error:  # noqa: BLE001  (the connection is given up anyway)
                logger.info("Closing %s failed: %r", self.alias, error)


def _share(mail: EmailMultiAlternatives, parcel: Parcel, common: Outcome) -> Outcomes:
    """Each recipient's own outcome where the provider told them apart, else the common one."""
    own = {**recipient_outcomes(mail), **getattr(mail, "outcomes", {})}
    if common.verdict is not Verdict.ACCEPTED and len(parcel) == 1:
        own = {}
    elif common.fault is Fault.RECIPIENT:  # said of all of them: nobody knows of whom
        common = common._replace(fault=Fault.MESSAGE)
    return {one.pk: _about(one, parcel, own.get(one.address.lower(), common)) for one in parcel}


def _about(delivery: Delivery, parcel: Parcel, outcome: Outcome) -> Outcome:
    """The outcome without the addresses of others: an error stays with its row."""
    error = outcome.error
    for other in parcel:
        if other.pk != delivery.pk:
            error = re.sub(re.escape(other.address), "…", error, flags=re.IGNORECASE)
    return outcome._replace(error=error)
