"""Final checks before sending: on hold, expired, suppressed, opted out, staging.

Each window is checked after it was claimed, just before it is sent. A check that raises fails only
the row that it raises for.
"""

import logging
from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from typing import NamedTuple

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop

from mailroom.addresses import address_key
from mailroom.models import Delivery, Message, Suppression
from mailroom.outcomes import describe, is_database_away
from mailroom.signals import Cancel, about_to_send

logger = logging.getLogger(__name__)

STAGING_MARK = "[staging]"
# Reasons to skip: stored in English, shown in the reader's language.
ERASED = gettext_noop("erased")
STAGING = gettext_noop("staging")
EXPIRED = gettext_noop("expired")
SUPPRESSED = gettext_noop("suppressed")
CANCELLED = gettext_noop("cancelled")


class Checked(NamedTuple):
    """The rows of a window that may be sent; for the others, by id, the reason or the error."""

    passed: list[Delivery]
    skip: dict[int, str]
    fail: dict[int, str]


def check(rows: Sequence[Delivery], alias: str) -> Checked:
    """Find the rows of a window that must not be sent; alias: the mailer that would send them.

    Rows on hold neither pass nor are skipped: they go back into the queue. Raises OperationalError
    or InterfaceError while the database is unreachable or locked.
    """
    found = Checked([], {}, {})
    by_message: dict[int, list[Delivery]] = {}
    for one in rows:
        by_message.setdefault(one.message_id, []).append(one)
    for own in by_message.values():
        message = own[0].message
        if reason := message.cancel_reason or (message.erased_at and ERASED):
            found.skip.update((one.pk, reason) for one in own)
        elif not message.held_at:
            found.skip.update(_expired(own) | _suppressed(message, own))
            if is_staging() and not _stand_in():
                strangers = [one for one in own if not _is_allowed(one.address)]
                found.skip.update((one.pk, STAGING) for one in strangers)
            _ask_hook(message, [one for one in own if one.pk not in found.skip], found)
    left = [one for one in rows if not one.message.held_at and one.pk not in found.fail]
    found.skip.update(_cancelled([one for one in left if one.pk not in found.skip], alias))
    found.passed.extend(one for one in left if one.pk not in found.skip)
    return found


def _expired(rows: Sequence[Delivery]) -> dict[int, str]:
    now = timezone.now()
    return {one.pk: EXPIRED for one in rows if one.expires_at and one.expires_at <= now}


def _suppressed(message: Message, rows: Sequence[Delivery]) -> dict[int, str]:
    stopping = Suppression.objects.stopping(
        [one.address for one in rows], channel=message.channel, is_bulk=message.is_bulk
    )
    if not stopping:
        return {}
    stopped = [one for one in rows if address_key(one.address) in stopping]
    return {one.pk: SUPPRESSED for one in stopped if not _may_try(message, one)}


def _may_try(message: Message, delivery: Delivery) -> bool:
    """Allow an email that the person asked for once a day, even if the address has bounced.

    The mailbox may work again, and there is no other way to find out.
    """
    if not message.type_entry.asked:
        return False
    is_retry = delivery.attempts > 1  # of the email that was let through
    return is_retry or Suppression.objects.try_once_a_day(delivery.address)


def _ask_hook(message: Message, rows: Sequence[Delivery], found: Checked) -> None:
    """Call the `gate` hook of the message's type; if it raises, call it for each row alone."""
    if not message.type_entry.gate or not rows:
        return
    try:
        found.skip.update(_reasons(message.type_entry.gate, rows))
    except Exception as error:
        if is_database_away(error):
            raise
        if len(rows) == 1:
            logger.exception("The gate of %s failed.", message.type)
            found.fail[rows[0].pk] = describe(error)
            return
        for one in rows:
            _ask_hook(message, [one], found)


def _reasons(hook: str, rows: Sequence[Delivery]) -> dict[int, str]:
    reasons = import_string(hook)(list(rows))
    if not isinstance(reasons, Mapping):
        raise TypeError(f"{hook} must return a dict of id and reason, not {reasons!r:.80}")
    asked = {one.pk for one in rows}
    return {pk: str(reason) for pk, reason in reasons.items() if pk in asked and reason}


def _cancelled(rows: Sequence[Delivery], alias: str) -> dict[int, str]:
    """The objections of receivers of about_to_send, which get each row once."""
    if not about_to_send.has_listeners(Delivery):
        return {}
    return {one.pk: reason for one in rows if (reason := _decision(one, alias))}


def _decision(delivery: Delivery, alias: str) -> str:
    details = {"channel": delivery.channel, "alias": alias, "delivery": delivery}
    try:
        about_to_send.send(Delivery, **details)
    except Cancel as decision:
        return str(decision) or CANCELLED
    except Exception as error:
        if is_database_away(error):
            raise
        logger.exception("A receiver of about_to_send failed; the others are asked.")
        answers = [answer for _, answer in about_to_send.send_robust(Delivery, **details)]
        return next((str(a) or CANCELLED for a in answers if isinstance(a, Cancel)), "")
    return ""


# -- Staging: on a copy of the site no email reaches a stranger -------------------------------
#
# STAGING_MAIL lists who may get email: addresses, and domains as @example.com. Other email goes to
# the first address instead, or is not sent if there is none.


def is_staging() -> bool:
    """Whether STAGING_MAIL limits the recipients."""
    return bool(settings.STAGING_MAIL)


def redirect_on_staging(mail: EmailMessage) -> None:
    """Replace recipients who are not allowed with the first allowed one; the subject says so."""
    if not is_staging():
        return
    meant = [parseaddr(text)[1] for text in mail.recipients()]
    strangers = [address for address in meant if not _is_allowed(address)]
    for name in ("to", "cc", "bcc"):
        texts = getattr(mail, name)
        setattr(mail, name, [text for text in texts if _is_allowed(parseaddr(text)[1])])
    if strangers and _stand_in() not in map(address_key, meant):
        mail.to = [*mail.to, _stand_in()]
    sentence = f" (for {', '.join(strangers)})" if strangers else ""
    mail.subject = f"{STAGING_MARK} {mail.subject}{sentence}"


def _stand_in() -> str:
    return next((one for one in settings.STAGING_MAIL if not one.startswith("@")), "")


def _is_allowed(address: str) -> bool:
    address = address_key(address)
    domain = f"@{address.rpartition('@')[2]}"
    return address in settings.STAGING_MAIL or domain in settings.STAGING_MAIL
