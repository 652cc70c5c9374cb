"""What is kept of people, and how they take it along."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from mailroom.models.queries import BATCH
from mailroom.outbox import personal_data
from notifications.models import Notification, Preference, Schedule


def forget_old_notifications() -> None:
    """Delete what was read more than NOTIFICATION_RETENTION_DAYS ago, in small batches."""
    limit = timezone.now() - timedelta(days=settings.NOTIFICATION_RETENTION_DAYS)
    old = Notification.objects.old(limit).values_list("pk", flat=True)
    while pks := list(old[:BATCH]):
        Notification.objects.filter(pk__in=pks).delete()


def export(user: Any) -> dict[str, Any]:
    """All that this app knows of a user, ready for JSON. Deleting the user deletes all of it."""
    schedule = Schedule.of(user)
    return {
        "preferences": Preference.chosen_by(user),
        "digest": {
            "every": schedule.every,
            "weekday": schedule.weekday,
            "hour": schedule.hour,
            "paused_until": schedule.paused_until,
        },
        "notifications": list(_rows(user)),
    }


QUOTING_COLUMNS = ("data", "actor", "target_url", "batch_key")


def register() -> None:
    """Declare what this app stores about an account, and where an address may be mentioned."""
    personal_data.register("notifications", export=_export, erase=lambda key: None, of_account=True)
    personal_data.register_quotes("notifications.Notification", *QUOTING_COLUMNS)


def _export(key: str) -> dict[str, Any] | None:
    user = get_user_model().objects.filter(email=key).first()
    return export(user) if user else None


def _rows(user: Any) -> Iterator[dict[str, Any]]:
    names = ("kind", "data", "actor", "target_url", "created_at", "read_at", "mailed_at")
    yield from Notification.objects.of(user).values(*names).iterator(BATCH)
