"""Holding back what is queued of a message: for a while, or for good.

One conditional UPDATE each, which takes leased rows back as well: a worker that has them in hand
finds that they are no longer its own when it begins the next window, a tenth of a second later.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.translation import gettext_noop

from mailroom.models import Delivery, Message
from mailroom.record import FREE
from mailroom.tasks import nudge

HELD = datetime(9000, 1, 1, tzinfo=UTC)  # due when nobody lives who could wait for it
BY_A_PERSON = gettext_noop("counted as sent by a person")


def hold(message: Message) -> int:
    """Send nothing more of a message until `release`; how many deliveries wait."""
    queued = Delivery.objects.queued().filter(message=message)
    return queued.update(not_before=HELD, **FREE)


def release(message: Message) -> int:
    """Go on with what was held back; how many deliveries are due again."""
    held = Delivery.objects.queued().filter(message=message, not_before=HELD)
    released = held.update(not_before=timezone.now())
    nudge(message.channel)
    return released


def cancel(message: Message, reason: str) -> int:
    """Never send what is still queued of a message; how many deliveries are skipped.

    reason: why, at most 100 characters; it stands with each.
    """
    queued = Delivery.objects.queued().filter(message=message)
    now = timezone.now()
    return queued.update(state=Delivery.State.SKIPPED, reason=reason[:100], finished_at=now, **FREE)


def retry_failed(message: Message) -> int:
    """Queue again, for another try, what failed; how many deliveries. What is uncertain is left."""
    return _again(message, Delivery.State.FAILED, None)


def retry_uncertain(message: Message, *, only: Sequence[int] | None = None) -> int:
    """Queue again what may have been accepted; how many. Some will be sent a second time.

    only: the keys of these deliveries alone.
    """
    return _again(message, Delivery.State.UNCERTAIN, only)


def count_as_sent(message: Message, *, only: Sequence[int] | None = None) -> int:
    """Settle uncertain deliveries as sent, since a person says so; how many. only: as above."""
    uncertain = Delivery.objects.filter(message=message, state=Delivery.State.UNCERTAIN)
    if only is not None:
        uncertain = uncertain.filter(pk__in=only)
    return uncertain.update(state=Delivery.State.SENT, reason=BY_A_PERSON)


def _again(message: Message, state: str, only: Sequence[int] | None) -> int:
    rows = Delivery.objects.retryable().filter(message=message, state=state)
    if only is not None:
        rows = rows.filter(pk__in=only)
    again = rows.requeue()
    nudge(message.channel)
    return again
