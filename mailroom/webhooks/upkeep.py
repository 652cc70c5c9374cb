"""What feedback needs again and again."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from mailroom.clock import every
from mailroom.models import Event
from mailroom.webhooks.tasks import handle_events


@every(seconds=2)
def take_up_events() -> None:
    if Event.objects.waiting().exists():
        handle_events.enqueue()


@every(seconds=3600)
def forget_old_events() -> None:
    """An event older than this would be refused if it were posted again."""
    limit = timezone.now() - timedelta(days=settings.MAIL_RETENTION_DAYS)
    Event.objects.filter(happened_at__lt=limit).exclude(handled_at=None).delete()
