"""What people were told."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.kinds import KINDS, kind_of


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Named questions about notifications."""

    def of(self, user: Any) -> "NotificationQuerySet":
        return self.filter(recipient=user).order_by("-pk")

    def unread(self) -> "NotificationQuerySet":
        return self.filter(read_at=None)

    def read(self) -> "NotificationQuerySet":
        return self.filter(read_at__isnull=False)

    def before(self, pk: int | None) -> "NotificationQuerySet":
        """The older ones: pages are cut by key, so that page 1,000 costs no more than page 1."""
        return self.filter(pk__lt=pk) if pk else self

    def awaiting_digest(self, user: Any) -> "NotificationQuerySet":
        """Queue for a user's next digest: neither read nor mailed yet."""
        return self.of(user).unread().filter(by_digest=True, mailed_at=None)

    def for_digest(self, user: Any, kinds: Iterable[str]) -> "NotificationQuerySet":
        """What a digest may tell a user."""
        return self.awaiting_digest(user).filter(kind__in=list(kinds))

    def old(self, limit: datetime) -> "NotificationQuerySet":
        return self.filter(read_at__lt=limit)

    def mark_read(self) -> int:
        return self.unread().update(read_at=timezone.now())

    def mark_unread(self) -> int:
        return self.update(read_at=None)


class Notification(models.Model):
    """One thing that one person was told."""

    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    kind = models.CharField(_("kind"), max_length=50)
    data = models.JSONField(default=dict, blank=True)
    actor = models.CharField(_("by"), max_length=200, blank=True)
    target_url = models.CharField(_("about"), max_length=500, blank=True)
    dedupe_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  (null: no key)
    batch_key = models.CharField(max_length=200, blank=True)  # what a digest puts together
    by_digest = models.BooleanField(_("sent in a digest"), default=False)
    created_at = models.DateTimeField(_("at"), default=timezone.now, editable=False)
    read_at = models.DateTimeField(_("read at"), null=True, blank=True)
    mailed_at = models.DateTimeField(_("emailed at"), null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "dedupe_key", "recipient"], name="one_notification_an_event"
            )
        ]
        indexes = [
            models.Index(fields=["recipient", "-id"], name="notification_inbox"),
            models.Index(fields=["recipient", "kind", "-id"], name="notification_of_kind"),
            models.Index(
                fields=["recipient", "-id"], name="notification_unread", condition=Q(read_at=None)
            ),
            models.Index(
                fields=["recipient", "-id"],
                name="notification_for_digest",
                condition=Q(by_digest=True, mailed_at=None, read_at=None),
            ),
            models.Index(
                fields=["read_at"], name="notification_old", condition=Q(read_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.recipient_id}"

    def get_absolute_url(self) -> str:
        return self.target_url or reverse("notifications:list")

    @property
    def template(self) -> str:
        return (
            kind_of(self.kind).template if self.kind in KINDS else "notifications/kinds/gone.html"
        )
