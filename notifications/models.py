"""What people were told, what they chose to be told, and what staff announced."""

from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.kinds import KINDS, Delivery, Kind, kind_of
from notifications.validators import one_line, ordinary_text


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Named questions about notifications."""

    def of(self, user: Any) -> "NotificationQuerySet":
        return self.filter(recipient=user).order_by("-pk")

    def unread(self) -> "NotificationQuerySet":
        return self.filter(read_at=None)

    def before(self, pk: int | None) -> "NotificationQuerySet":
        """The older ones: pages are cut by key, so that page 1,000 costs no more than page 1."""
        return self.filter(pk__lt=pk) if pk else self

    def mark_read(self) -> int:
        return self.unread().update(read_at=timezone.now())


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
    created_at = models.DateTimeField(_("at"), default=timezone.now, editable=False)
    read_at = models.DateTimeField(_("read at"), null=True, blank=True)
    mailed_at = models.DateTimeField(_("mailed at"), null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "kind", "dedupe_key"], name="one_notification_an_event"
            )
        ]
        indexes = [
            models.Index(fields=["recipient", "-id"], name="notification_inbox"),
            models.Index(
                fields=["recipient"], name="notification_unread", condition=Q(read_at=None)
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


class Preference(models.Model):
    """A choice that differs from the kind's default: a new kind needs no row for anybody."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preferences"
    )
    kind = models.CharField(max_length=50)
    delivery = models.CharField(max_length=10)

    class Meta:
        verbose_name = _("preference")
        verbose_name_plural = _("preferences")
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="one_preference_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.delivery}"

    @classmethod
    def chosen_by(cls, user: Any) -> dict[str, str]:
        """A user's choices by kind."""
        return dict(cls.objects.filter(user=user).values_list("kind", "delivery"))

    @classmethod
    def choose(cls, user: Any, kind: Kind, delivery: Delivery) -> None:
        """Remember a choice; the default needs no row, and a required kind takes no choice."""
        if kind.required or delivery is kind.default:
            cls.objects.filter(user=user, kind=kind.key).delete()
        else:
            cls.objects.update_or_create(
                user=user, kind=kind.key, defaults={"delivery": delivery.value}
            )


class Announcement(models.Model):
    """News from staff to everybody: draft → sending → sent."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")

    title = models.CharField(_("title"), max_length=150, validators=[one_line])
    body = models.TextField(_("text"), help_text=_("Markdown"), validators=[ordinary_text])
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False
    )
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.DRAFT, editable=False
    )
    created_at = models.DateTimeField(_("written at"), default=timezone.now, editable=False)
    sent_at = models.DateTimeField(_("sent at"), null=True, editable=False)

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        permissions = [("send_announcement", _("Can send announcements to everybody"))]

    def __str__(self) -> str:
        return self.title

    def send(self) -> bool:
        """Begin to tell everybody, once: True for the one caller whose call began it."""
        from notifications.tasks import tell_everybody

        drafts = Announcement.objects.filter(pk=self.pk, state=self.State.DRAFT)
        with transaction.atomic():
            if not drafts.update(state=self.State.SENDING):
                return False
            transaction.on_commit(lambda: tell_everybody.enqueue(self.pk), robust=True)
        self.refresh_from_db()
        return True

    def values(self) -> dict[str, Any]:
        return {"announcement": self.pk, "title": self.title}
