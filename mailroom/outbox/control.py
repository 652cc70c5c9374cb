"""What a person may do with a message that is queued: hold, release, cancel, send again.

Hold and cancel are properties of the message. A worker looks at them before each window, so what is
in flight at that moment is all that still goes out.
"""

from collections import Counter
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from mailroom.delivery.complete import erase_finished
from mailroom.delivery.wakeups import wake
from mailroom.models import Attempt, Delivery, Message, OutcomeCount
from mailroom.models.delivery import NOT_IN_FLIGHT, DeliveryQuerySet
from mailroom.models.queries import BATCH

BY_A_PERSON = gettext_noop("counted as sent by a person")


def hold(message: Message) -> bool:
    """Send nothing more of a message until `release`; False if it is on hold already."""
    free = Message.objects.filter(pk=message.pk, held_at=None)
    return bool(free.update(held_at=timezone.now()))


@transaction.atomic
def release(message: Message) -> bool:
    """Go on with a message that is on hold, with what waits for another try at once.

    Returns False if it is not on hold.
    """
    now = timezone.now()
    held = Message.objects.held().filter(pk=message.pk)
    released = held.update(held_at=None, released_at=now)
    # Earlier releases put a date in the far future on each row of a message on hold.
    waiting = Delivery.objects.queued().filter(message=message, not_before__gt=now)
    waiting.update(not_before=now)
    wake()
    return bool(released)


@transaction.atomic
def cancel(message: Message, reason: str) -> int:
    """Never send what is still queued of a message; how many deliveries are skipped.

    reason: at most 100 characters; kept with each delivery. What is in flight may still go out,
    and is not tried again where it is refused for now.
    """
    reason = reason[:100] or "cancelled"
    Message.objects.filter(pk=message.pk).update(cancel_reason=reason)
    queued = Delivery.objects.queued().filter(message=message)
    skipped = queued.update(
        state=Delivery.State.SKIPPED, reason=reason, finished_at=timezone.now(), **NOT_IN_FLIGHT
    )
    OutcomeCount.add({(message.channel, "", Delivery.State.SKIPPED.value): skipped})
    if message.is_secret:
        erase_finished({message.pk})
    return skipped


def retry_failed(message: Message) -> int:
    """Queue again what failed; how many deliveries. What is uncertain is left alone."""
    return queue_again(_in_state(message, Delivery.State.FAILED))


def retry_uncertain(message: Message, *, only: Sequence[int] | None = None) -> int:
    """Queue again what may have been accepted; how many. Some will be sent a second time.

    only: the primary keys of these deliveries alone.
    """
    return queue_again(_in_state(message, Delivery.State.UNCERTAIN, only))


@transaction.atomic
def queue_again(rows: DeliveryQuerySet) -> int:
    """Queue what of `rows` is retryable, as if for the first time; how many deliveries.

    The outcome that each had is kept as an attempt. A message on hold stays on hold.
    """
    again = 0
    able = rows.retryable().order_by("pk").select_for_update(of=("self",))
    while chunk := list(able[:BATCH]):  # what was queued again is no longer retryable
        now = timezone.now()
        Attempt.objects.bulk_create(Attempt.of(one, requeued_at=now) for one in chunk)
        OutcomeCount.add({key: -number for key, number in _outcomes(chunk).items()})
        again += Delivery.objects.filter(pk__any_of=[one.pk for one in chunk]).update(
            state=Delivery.State.QUEUED,
            attempts=0,
            reason="",
            error="",
            expires_at=None,
            finished_at=None,
            not_before=now,
            **NOT_IN_FLIGHT,
        )
    if again:
        wake()
    return again


@transaction.atomic
def count_as_sent(message: Message, *, only: Sequence[int] | None = None) -> int:
    """Settle uncertain deliveries as sent, since a person says so; how many. only: as above."""
    settled = 0
    uncertain = _in_state(message, Delivery.State.UNCERTAIN, only).order_by("pk")
    while chunk := list(uncertain.select_for_update()[:BATCH]):
        Attempt.objects.bulk_create(map(Attempt.of, chunk))
        for (channel, alias, state), number in _outcomes(chunk).items():
            sent = (channel, alias, Delivery.State.SENT.value)
            OutcomeCount.add({(channel, alias, state): -number, sent: number})
        settled += Delivery.objects.filter(pk__any_of=[one.pk for one in chunk]).update(
            state=Delivery.State.SENT, reason=BY_A_PERSON, error="", finished_at=timezone.now()
        )
    return settled


def _outcomes(rows: Sequence[Delivery]) -> Counter[tuple[str, str, str]]:
    return Counter(one.counted_as for one in rows)


def _in_state(message: Message, state: str, only: Sequence[int] | None = None) -> DeliveryQuerySet:
    rows = Delivery.objects.filter(message=message, state=state)
    return rows if only is None else rows.filter(pk__any_of=only)
