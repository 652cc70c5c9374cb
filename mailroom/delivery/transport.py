"""Send emails through a provider or a route, and return the outcome of each.

A lane uses `Transport`, which keeps a mailer open over many windows. `carry_each` and `hand_over`
are the layer below, for routes and for code that sends without the outbox.
"""

import logging
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from email.utils import parseaddr
from importlib import import_module
from typing import Any, Self

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.module_loading import import_string

from mailroom.bulk.batch_api import BATCH_CALLS
from mailroom.bulk.merge_mail import PersonalMail, Skeletons
from mailroom.config.channels import channel_options, children, is_account, providers_of
from mailroom.config.mailers import FAILOVER
from mailroom.delivery import breaker, guards
from mailroom.delivery.claim import LARGEST_WINDOW, Parcel
from mailroom.messages.serializers import build, values_of
from mailroom.models import Delivery
from mailroom.outcomes import (
    ACCEPTED,
    PROVIDER_FAULTS,
    Fault,
    NotStarted,
    Outcome,
    Verdict,
    classify,
    describe,
    is_database_away,
    is_down,
    lost_answer,
    may_start,
    recipient_outcomes,
    was_accepted,
)
from mailroom.providers import Provider, of_backend

logger = logging.getLogger(__name__)

Outcomes = dict[int, Outcome]  # by the delivery's id; what was not handed over has none
Built = tuple[EmailMultiAlternatives, Parcel]  # an email and who gets it
Errors = list[Exception | None]
# Plugged in, each loaded where it is needed.
API_POOL = "mailroom.backends.anymail_pool"  # for the backends of Anymail
MAIL_ACCOUNTS_MODULE = "mailroom.mail_accounts.backend"
RESULTS = ("outcomes", "anymail_status")  # what a provider leaves on a message


class Transport:
    """The mailer `alias` in MAILERS, opened when there is something to send."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._mailer: BaseEmailBackend | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def build(self, parcels: Sequence[Parcel]) -> tuple[list[Built], dict[int, str]]:
        """The emails of a window, and the errors of deliveries that can't be built, by id.

        Hooks of apps run here, before anything is sent. Raises OperationalError or InterfaceError
        while the database is unreachable or locked, because no row is to blame for that.
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

    def send(self, built: Sequence[Built], may_start: Callable[[], bool]) -> Outcomes:
        """Send the emails; the outcome of each delivery, by its id. Never raises.

        may_start: called before each email; once it returns False, the rest is not handed over.
        """
        outcomes: Outcomes = {}
        for mail, _ in built:
            mail.may_start = may_start  # type: ignore[attr-defined]
        answers = carry_each(self._opened, self.alias, [mail for mail, _ in built])
        known: dict[int, Outcome] = {id(None): ACCEPTED}  # one error may stand for many
        for (mail, parcel), answer in zip(built, answers, strict=True):
            if isinstance(answer, NotStarted):
                continue
            if answer is not None and id(answer) not in known:
                known[id(answer)] = self._classify(answer)
            refused_by = getattr(mail, "refused_by", [])
            for one in parcel:
                one.alias = getattr(mail, "carried_by", self.alias)
                # The last refusal is the outcome itself, unless another provider accepted.
                earlier = refused_by[:-1] if answer else refused_by
                one.refused_by = [  # type: ignore[attr-defined]
                    (alias, _about(one, parcel, refusal), at) for alias, refusal, at in earlier
                ]
            outcomes |= _outcome_of_each(mail, parcel, known[id(answer)])
        return outcomes

    @cached_property
    def _skeletons(self) -> Skeletons | None:
        """Precompiled messages; None if no provider can send ready-made bytes."""
        return Skeletons() if any(map(_takes_bytes, providers_of(self.alias))) else None

    def _mail(self, parcel: Parcel) -> EmailMultiAlternatives:
        """The email that these deliveries share; bulk email from its precompiled form."""
        first = parcel[0]
        message = first.message
        if message.is_bulk and not (message.to or message.cc or message.bcc):
            skeleton = self._skeletons.of(first) if self._skeletons else None
            return PersonalMail(first, values_of(first), skeleton)
        return build(message, parcel)

    def _classify(self, error: Exception) -> Outcome:
        """The outcome of an answer; closes a mailer that is at fault."""
        outcome = classify(error)
        if outcome.fault in PROVIDER_FAULTS:
            self._close()
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


def _outcome_of_each(mail: EmailMultiAlternatives, parcel: Parcel, common: Outcome) -> Outcomes:
    """Each recipient's own outcome if the provider distinguishes them, else the common one."""
    own = {**recipient_outcomes(mail), **getattr(mail, "outcomes", {})}
    if common is not ACCEPTED and len(parcel) == 1:
        own = {}
    elif common.fault is Fault.RECIPIENT:  # said of all of them: nobody knows of whom
        common = common._replace(fault=Fault.MESSAGE)
    return {one.pk: _about(one, parcel, own.get(one.address.lower(), common)) for one in parcel}


def _about(delivery: Delivery, parcel: Parcel, outcome: Outcome) -> Outcome:
    """The outcome without the addresses of others: an error stays with its row."""
    if len(parcel) == 1:
        return outcome  # the same object for all that share one answer
    error = outcome.error
    for other in parcel:
        if other.pk != delivery.pk:
            error = re.sub(re.escape(other.address), "…", error, flags=re.IGNORECASE)
    return outcome._replace(error=error)


# -- Below a lane: providers and routes -------------------------------------------------------


def carry_each(
    opened: Callable[[], BaseEmailBackend], alias: str, messages: Sequence[EmailMessage]
) -> Errors:
    """Send messages through the provider or route `alias`; arguments and result as below."""
    if not children(alias):
        return hand_over_each(opened, alias, messages)
    try:
        route: Any = opened()
    except Exception as error:  # noqa: BLE001  (backends may raise anything: it is classified)
        return [error] * len(messages)
    errors: Errors = route.send_each(messages)
    return errors


def hand_over(opened: Callable[[], BaseEmailBackend], alias: str, message: EmailMessage) -> None:
    """Hand one message to a provider, as `hand_over_each` does. Raises what the provider raises."""
    (error,) = hand_over_each(opened, alias, [message])
    if error:
        raise error


def hand_over_each(
    opened: Callable[[], BaseEmailBackend], alias: str, messages: Sequence[EmailMessage]
) -> Errors:
    """Hand copies of messages to the provider `alias`, and report the answers to its breaker.

    opened: returns the provider's backend with its connection open. Changes to a copy never reach
    the next provider. The original message gets the results, `carried_by` and, if it was refused,
    an entry in `refused_by`. Returns for each message None, or what the provider raised.
    """
    for message in messages:
        message.carried_by = alias  # type: ignore[attr-defined]
        for name in RESULTS:  # what an earlier provider said is no answer of this one
            vars(message).pop(name, None)
    try:
        mailer = opened()
    except Exception as error:  # noqa: BLE001  (backends may raise anything: it is classified)
        errors: Errors = [error] * len(messages)
    else:
        errors = _send_each(mailer, alias, messages)
    _report(alias, errors)
    _note_refusals(alias, messages, errors)
    return errors


def _send_each(mailer: Any, alias: str, messages: Sequence[EmailMessage]) -> Errors:
    errors: Errors = [None] * len(messages)
    attempts: dict[int, EmailMessage] = {}
    for place, message in enumerate(messages):
        try:
            attempts[place] = _copy_for(message, mailer, alias)
        except Exception as error:  # noqa: BLE001  (a hook of an app may raise anything)
            errors[place] = error
    send = getattr(mailer, "send_each", None) or _one_by_one(mailer, alias)
    answers = send(list(attempts.values()))
    for (place, attempt), answer in zip(attempts.items(), answers, strict=True):
        errors[place] = answer
        if attempt is not messages[place]:
            _copy_results(attempt, messages[place])
    return errors


def _one_by_one(mailer: BaseEmailBackend, alias: str) -> Callable[[Sequence[EmailMessage]], Errors]:
    """`send_each` for a plain backend. It stops once the provider is down."""
    own = of_backend(_path(alias))

    def send_each(messages: Sequence[EmailMessage]) -> Errors:
        errors: Errors = []
        for message in messages:
            if is_down(errors):
                errors.append(errors[-1])
                continue
            if not may_start(message):
                errors.append(NotStarted())
                continue
            try:
                mailer.send_messages([message])
                errors.append(None)
            except Exception as error:  # noqa: BLE001
                errors.append(None if _accepted_before(message, error) else _judged(error, own))
        return errors

    return send_each


def _judged(error: Any, own: type[Provider] | None) -> Exception:
    """The error of a plain backend, with its outcome if the error's class doesn't show it."""
    found: Exception = error
    if own and (outcome := own.outcome(found)):
        error.outcome = outcome
    elif not hasattr(error, "outcome") and lost_answer(found):
        error.outcome = Outcome(Verdict.UNKNOWN, describe(found), fault=Fault.TRANSPORT)
    return found


def _accepted_before(message: EmailMessage, error: Exception) -> bool:
    if accepted := was_accepted(message, error):
        logger.warning("A receiver failed after the email was accepted: %r", error)
    return accepted


def _copy_for(message: EmailMessage, mailer: BaseEmailBackend, alias: str) -> EmailMessage:
    """What this mailer gets: a PersonalMail if it accepts one, else a whole copy."""
    own = _addresses(message, mailer, alias)
    if isinstance(message, PersonalMail):
        if not own and not guards.is_staging() and _takes(mailer, message):
            return message  # it holds nothing that a provider could change for the next one
        attempt: EmailMessage = message.whole()
        attempt.may_start = getattr(message, "may_start", None)  # type: ignore[attr-defined]
    else:
        attempt = deepcopy(message)
    if own:
        attempt.from_email, attempt.reply_to = own
        attempt.return_path = ""  # type: ignore[attr-defined]  # it may send as no other address
    guards.redirect_on_staging(attempt)
    return attempt


def _takes(mailer: Any, message: PersonalMail) -> bool:
    takes_bytes = message.has_wire and getattr(mailer, "takes_bytes", False)
    return takes_bytes or getattr(mailer, "takes_values", False)


def _copy_results(attempt: Any, message: Any) -> None:
    for name in RESULTS:
        if name in vars(attempt):
            setattr(message, name, getattr(attempt, name))


def _report(alias: str, errors: Errors) -> None:
    """Report each answer to the breaker; an answer that messages share, once."""
    last: Exception | object | None = object()
    for error in errors:
        if error is not last and not isinstance(error, NotStarted):
            breaker.report(alias, classify(error) if error else ACCEPTED)
        last = error


def _note_refusals(alias: str, messages: Sequence[EmailMessage], errors: Errors) -> None:
    """Note (alias, outcome, time) on each message that this provider refused."""
    for message, error in zip(messages, errors, strict=True):
        if error and not isinstance(error, NotStarted):
            refusal = (alias, classify(error), timezone.now())
            message.refused_by = [*getattr(message, "refused_by", []), refusal]  # type: ignore[attr-defined]


def _addresses(message: Any, mailer: Any, alias: str) -> tuple[str, list[str]] | None:
    """From and Reply-To of a message for this provider; None if they stay as they are.

    A provider may accept only one From; replies still reach the original sender. A message that its
    mail account does not send is from the channel.
    """
    sender: str = settings.MAILER_SENDERS.get(alias, "")
    if not sender and not is_account(getattr(message, "route", "")):
        return None
    options = channel_options(message.channel) if hasattr(message, "channel") else None
    is_personal = isinstance(message, PersonalMail)
    reply_to = message.delivery.message.reply_to if is_personal else message.reply_to
    if is_account(alias) and options:
        own: tuple[str, list[str]] = mailer.account.sender_of(
            message.from_email, reply_to, options.from_email, options.reply_to
        )
        return own if own != (message.from_email, reply_to) else None
    sender = sender or (options.from_email if options else "")
    if parseaddr(sender) == parseaddr(message.from_email):
        return None
    return sender, reply_to or [message.from_email]


# -- What a mailer can do ---------------------------------------------------------------------


def mailer_for(alias: str) -> BaseEmailBackend:
    """A new backend of MAILERS or of a mail account; Anymail's are wrapped, for calls at once."""
    if is_account(alias):
        if below := children(alias):
            return import_string(FAILOVER)(via=below, alias=alias)
        return _accounts().EmailBackend(alias=alias)
    path = _path(alias)
    pool = pool_of(path)
    return pool.CallsBackend(alias, path, lambda: mailers[alias]) if pool else mailers[alias]


def window_limits(alias: str) -> tuple[int, int]:
    """The smallest and the largest window, by the providers that may send it.

    A call of a batch API is one window; parallel calls start together.
    """
    least, most = [], []
    for provider in providers_of(alias):
        path = _path(provider)
        batch, pool = BATCH_CALLS.get(path), pool_of(path)
        at_once = pool.CALLS_AT_ONCE if pool else 1
        least.append(batch.most if batch else at_once)
        most.append(batch.most if batch else LARGEST_WINDOW)
    return min(least, default=1), min(most, default=LARGEST_WINDOW)


def _takes_bytes(provider: str) -> bool:
    path = _path(provider)
    if pool := pool_of(path):
        return bool(pool.takes_raw(path))
    try:
        return bool(path) and getattr(import_string(path), "takes_bytes", False)
    except ImportError:
        return False


def _path(alias: str) -> str:
    if is_account(alias):
        return str(_accounts().backend_path(alias))
    path: str = mailers.settings.get(alias, {}).get("BACKEND", "")
    return path


def _accounts() -> Any:
    return import_module(MAIL_ACCOUNTS_MODULE)


def pool_of(path: str) -> Any:
    """The module that sends through Anymail, None for another backend; it need not be installed."""
    try:
        is_anymail = bool(path) and hasattr(import_string(path), "esp_name")
    except ImportError:  # the mailer says so when it is opened
        return None
    return import_module(API_POOL) if is_anymail else None
