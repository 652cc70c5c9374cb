"""Digests that are to be made: the row is the queue."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.models.schedule import Schedule


class DueDigestQuerySet(models.QuerySet["DueDigest"]):
    """Named questions about digests to be made."""

    def due(self, now: datetime) -> "DueDigestQuerySet":
        return self.filter(due_at__lte=now).order_by("due_at", "pk")

    def plan(self, users: Iterable[Any]) -> None:
        """Have each of the users get a digest at their next moment, unless one is planned."""
        people = sorted({user.pk: user for user in users}.values(), key=lambda user: user.pk)
        known = {row.user_id: row for row in Schedule.objects.filter(user__in=people)}
        now, rows = timezone.now(), []
        for user in people:
            schedule = known.get(user.pk) or Schedule()
            schedule.user = user
            rows.append(self.model(user=user, due_at=schedule.next_digest(now)))
        # The update changes nothing. It locks the row, so that a digest that is being made by
        # another process is either over, and planned anew here, or sees what is told now.
        self.bulk_create(
            rows, update_conflicts=True, unique_fields=["user"], update_fields=["user"]
        )

    def replan(self, user: Any) -> None:
        """Move a planned digest to where the user's schedule puts it now."""
        moment = Schedule.of(user).next_digest(timezone.now())
        self.filter(user=user).update(due_at=moment)


class DueDigest(models.Model):
    """One user has something to be told by digest, at a moment that is known."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="due_digest"
    )
    due_at = models.DateTimeField(_("due at"), db_index=True)

    objects = DueDigestQuerySet.as_manager()

    class Meta:
        verbose_name = _("digest to be made")
        verbose_name_plural = _("digests to be made")

    def __str__(self) -> str:
        return f"{self.user_id} at {self.due_at}"
