"""The gate: what must not be sent any more is stopped here, just before it would be."""

import logging
from collections.abc import Sequence

from django.utils import timezone
from django.utils.module_loading import import_string

from mailroom import staging
from mailroom.models import Delivery, Message, Suppression
from mailroom.signals import Cancel, about_to_send

logger = logging.getLogger(__name__)


def skip_reasons(deliveries: Sequence[Delivery], alias: str) -> dict[int, str]:
    """Which of the deliveries must not go out, and why: `{pk: reason}`.

    alias: the mailer that would carry them.
    """
    reasons: dict[int, str] = {}
    for message in {one.message_id: one.message for one in deliveries}.values():
        own = [one for one in deliveries if one.message_id == message.pk]
        reasons |= _expired(own) | _suppressed(message, own) | _gated(message, own)
        reasons |= {one.pk: "staging" for one in own if staging.is_held_back(one.address)}
    if not about_to_send.has_listeners(Delivery):
        return reasons
    for one in deliveries:
        if one.pk not in reasons and (reason := _cancelled(one, alias)):
            reasons[one.pk] = reason
    return reasons


def _expired(deliveries: Sequence[Delivery]) -> dict[int, str]:
    now = timezone.now()
    return {one.pk: "expired" for one in deliveries if one.expires_at and one.expires_at <= now}


def _suppressed(message: Message, deliveries: Sequence[Delivery]) -> dict[int, str]:
    stopping = Suppression.objects.stopping(
        [one.address for one in deliveries], channel=message.channel, is_bulk=message.is_bulk
    )
    stopped = [one for one in deliveries if one.address.lower() in stopping]
    return {one.pk: "suppressed" for one in stopped if not _may_try(message, one)}


def _may_try(message: Message, delivery: Delivery) -> bool:
    """A mail that its reader asks for is tried once a day, also where the address bounced.

    The address may have been mended since, and nothing else could tell.
    """
    if not message.row.asked:
        return False
    begun = delivery.attempts > 0  # a retry of the mail that was let through
    return begun or Suppression.objects.try_once_a_day(delivery.address)


def _gated(message: Message, deliveries: Sequence[Delivery]) -> dict[int, str]:
    hook = message.row.gate
    return dict(import_string(hook)(list(deliveries))) if hook else {}


def _cancelled(delivery: Delivery, alias: str) -> str:
    told = {"channel": delivery.channel, "alias": alias, "delivery": delivery}
    try:
        about_to_send.send(Delivery, **told)
    except Cancel as decision:
        return str(decision) or "cancelled"
    except Exception:
        logger.exception("A receiver of about_to_send failed; the others are asked.")
        answers = [answer for _, answer in about_to_send.send_robust(Delivery, **told)]
        return next((str(a) or "cancelled" for a in answers if isinstance(a, Cancel)), "")
    return ""
