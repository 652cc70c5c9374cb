"""What the mailroom itself does again and again."""

from datetime import timedelta

from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from mailroom import health
from mailroom.channels import channels
from mailroom.clock import every
from mailroom.leases import locked
from mailroom.models import Attempt, Delivery, Message, WorkerBeat
from mailroom.record import FREE, announce, expire
from mailroom.signals import uncertain
from mailroom.tasks import nudge

State = Delivery.State
BATCH = 500  # rows a transaction


@every(seconds=1)
def nudge_due_channels() -> None:
    """Find what is due, be it a retry or a row whose nudge was lost."""
    for channel in channels():
        due = Delivery.objects.due().filter(channel=channel)
        if not health.is_paused(channel) and due.exists():
            nudge(channel)


@every(seconds=2)
def settle_abandoned() -> None:
    """Deliveries whose worker died with them in flight: nobody knows whether they were accepted.

    Bulk waits as uncertain, since twice would be worse; anything else is queued again with its own
    Message-ID, since a lost password reset would be worse.
    """
    with transaction.atomic(durable=True):
        # One that is locked is just being settled by its own worker, which was only slow.
        abandoned = locked(Delivery.objects.abandoned()).values_list("pk", flat=True)
        lost = Delivery.objects.filter(pk__any_of=list(abandoned), state=State.SENDING)
        unknown = lost.filter(message__is_bulk=True).update_returning(
            state=State.UNCERTAIN,
            error="The worker ended before the answer was written.",
            finished_at=timezone.now(),
            **FREE,
        )
        lost.update(state=State.QUEUED, not_before=timezone.now(), **FREE)
    if unknown and uncertain.has_listeners(Delivery):
        announce(Delivery.objects.filter(pk__any_of=unknown, state=State.UNCERTAIN))


@every(seconds=60)
def expire_waiting() -> None:
    """Skip what expired while its message or its channel was paused, and erase its secrets."""
    late = Delivery.objects.queued().filter(expires_at__lte=timezone.now()).order_by("pk")
    light = late.select_related("message").defer("message__body", "message__content")
    while rows := list(light[:BATCH]):
        with transaction.atomic(durable=True):
            expired = expire(rows)
        announce(expired)
        if len(expired) < len(rows):
            return  # a worker has the others in hand, and sees the same


@every(seconds=3600)
def forget_old() -> None:
    """Delete messages older than MAIL_RETENTION_DAYS and their deliveries, and old tasks."""
    limit = timezone.now() - timedelta(days=settings.MAIL_RETENTION_DAYS)
    old = Message.objects.finished().filter(created_at__lt=limit)
    while ids := list(old.values_list("pk", flat=True)[:100]):
        Message.objects.filter(pk__in=ids).delete()
    Attempt.objects.filter(delivery=None, at__lt=limit).delete()
    WorkerBeat.objects.exclude(pk__in=WorkerBeat.alive()).delete()
    if settings.TASKS["default"]["BACKEND"].startswith("django_tasks_db"):
        call_command("prune_db_task_results", min_age_days=1, verbosity=0)
