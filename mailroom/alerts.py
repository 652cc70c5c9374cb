"""What the people who run the site must hear of their mailers, told a limited number of times."""

import logging

from django.core.mail import mail_admins, mailers
from django.utils.translation import gettext as _

from mailroom.models import ClockLease
from mailroom.signals import mailer_alert

logger = logging.getLogger(__name__)

OPS = "ops"
EVERY_SECONDS = {"opened": 600.0, "closed": 600.0, "failed_over": 3600.0}


def tell(event: str, alias: str, *, error: str = "", carried_by: str = "") -> None:
    """Tell ADMINS by mail, and whoever listens to the signal, what happened to a provider.

    event: `opened` (it rests), `closed` (it is back) or `failed_over` (`carried_by` carried its
    mail). The same of the same provider is told once in ten minutes, or in an hour.
    """
    if not ClockLease.win(f"alert:{event}:{alias}", EVERY_SECONDS[event]):
        return
    logger.warning("Mailer %s: %s %s %s", alias, event, carried_by, error)
    told = {"event": event, "alias": alias, "error": error, "carried_by": carried_by}
    for _receiver, answer in mailer_alert.send_robust(None, **told):
        if isinstance(answer, Exception):
            logger.error("A receiver of a mailer's alert failed.", exc_info=answer)
    if OPS in mailers.settings:
        mail_admins(sentence(event, alias, carried_by), error or "–", using=OPS)


def sentence(event: str, alias: str, carried_by: str = "") -> str:
    """What happened, in one sentence of the active language."""
    match event:
        case "opened":
            return _("The mailer %(alias)s fails and rests.") % {"alias": alias}
        case "closed":
            return _("The mailer %(alias)s works again.") % {"alias": alias}
    words = {"alias": alias, "other": carried_by}
    return _("Mail of the mailer %(alias)s goes by %(other)s.") % words
