"""The periodic jobs of the mailroom itself. Each does a bounded piece of work."""

from collections import Counter
from datetime import timedelta
from io import StringIO

from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from mailroom.bounces import mailbox
from mailroom.delivery import claim, complete, feedback
from mailroom.delivery.guards import EXPIRED
from mailroom.models import Attempt, Delivery, Event, Message, OutcomeCount, WorkerBeat
from mailroom.models.count import hour_of
from mailroom.models.delivery import NOT_IN_FLIGHT
from mailroom.models.queries import BATCH
from mailroom.tasks import enqueue
from mailroom.worker.periodic import every

IN_A_RUN = 20  # transactions, before the other jobs have their turn

State = Delivery.State


@every(seconds=15)
def settle_after_crashes() -> bool:
    """Settle what was in flight when its worker died. See mailroom.delivery.claim."""
    if not Delivery.objects.abandoned().exists():
        return False
    settled, uncertain = claim.settle_abandoned()
    for one in uncertain:
        complete.send_signal(one)
    return settled == BATCH


@every(seconds=60)
def expire_waiting() -> bool:
    """Skip what expired while it was on hold or waited for a provider, and erase its secrets."""
    late = Delivery.objects.queued().filter(expires_at__lte=timezone.now()).order_by("pk")
    light = late.select_related("message").defer("message__body", "message__content")
    if not (rows := list(light[:BATCH])):
        return False
    expired = {"state": State.SKIPPED, "reason": EXPIRED, "finished_at": timezone.now()}
    with transaction.atomic():
        mine = Delivery.objects.queued().filter(pk__any_of=[one.pk for one in rows])
        changed = set(mine.update_returning(**expired, **NOT_IN_FLIGHT))
        done = [one for one in rows if one.pk in changed]
        for one in done:
            one.state, one.reason = State.SKIPPED, EXPIRED
        OutcomeCount.add(Counter(one.counted_as for one in done))
        complete.erase_finished({one.message_id for one in done if one.message.is_secret})
    for one in done:
        complete.send_signal(one)
    return len(rows) == BATCH


@every(seconds=30)
def fold_counts() -> None:
    """Fold the counts that were added lately, all of them once an hour. See OutcomeCount."""
    OutcomeCount.fold(since=hour_of(timezone.now()) - timedelta(hours=1))


@every(seconds=3600)
def fold_old_counts() -> None:
    OutcomeCount.fold()


@every(seconds=3600)
def delete_old_messages() -> bool:
    """Delete messages older than MAIL_RETENTION_DAYS with their deliveries, a piece at a time."""
    limit = timezone.now() - timedelta(days=settings.MAIL_RETENTION_DAYS)
    old = Message.objects.finished().filter(created_at__lt=limit).order_by("created_at")
    for _ in range(IN_A_RUN):
        ids = list(old.values_list("pk", flat=True)[:100])
        if not ids:
            return False
        if not _forget_some_deliveries(ids):
            Message.objects.filter(pk__in=ids).delete()
    return True


def _forget_some_deliveries(messages: list[int]) -> bool:
    """Delete at most 1,000 deliveries of these messages; True where there may be more."""
    rows = Delivery.objects.filter(message__in=messages)
    ids = list(rows.values_list("pk", flat=True)[:BATCH])
    Delivery.objects.filter(pk__any_of=ids).delete()  # with what other apps say of them
    return len(ids) == BATCH


@every(seconds=3600)
def forget_old_attempts() -> bool:
    """Delete what is known of providers' faults for as long."""
    limit = timezone.now() - timedelta(days=settings.MAIL_RETENTION_DAYS)
    old = Attempt.objects.filter(delivery=None, at__lt=limit)
    ids = list(old.values_list("pk", flat=True)[: BATCH * 10])
    Attempt.objects.filter(pk__any_of=ids).delete()
    return len(ids) == BATCH * 10


@every(seconds=3600)
def forget_old_work() -> None:
    """Delete the heartbeats of workers that are gone, and tasks that are done."""
    WorkerBeat.objects.exclude(pk__in=WorkerBeat.alive().values("pk")).delete()
    if settings.TASKS["default"]["BACKEND"].startswith("django_ox"):
        call_command("ox_prune", older_than="1d", verbosity=0, stdout=StringIO())


# -- What providers report --------------------------------------------------------------------


@every(seconds=30)
def take_up_events() -> None:
    """Handle the events whose task was lost, or that had to wait."""
    if Event.objects.waiting().exists():
        enqueue(feedback.handle_events)


@every(seconds=60)
def look_into_mailboxes() -> None:
    """Have the mailboxes for bounces and unsubscribe requests read."""
    if mailbox.urls():
        enqueue(mailbox.read_mailboxes)


@every(seconds=3600)
def forget_old_events() -> bool:
    """Delete old events, a bounded number at a time; True where there may be more."""
    limit = timezone.now() - timedelta(days=settings.MAIL_RETENTION_DAYS)
    old = Event.objects.filter(happened_at__lt=limit).exclude(handled_at=None)
    ids = list(old.values_list("pk", flat=True)[: BATCH * 5])
    Event.objects.filter(pk__any_of=ids).delete()
    return len(ids) == BATCH * 5
