"""What a provider, or a bounce email, reported about a delivery."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailroom.models.delivery import Delivery


class EventQuerySet(models.QuerySet["Event"]):
    """Named questions about events."""

    def waiting(self, now: datetime | None = None) -> "EventQuerySet":
        """Those whose effects are still to come."""
        return self.filter(handled_at=None, look_at__lte=now or timezone.now())


class Event(models.Model):
    """One report. Providers repeat them: an event id counts once.

    `told_delivery` and `told_provider_id` are what the report named; `delivery` is what was found
    by them, which may be a moment later.
    """

    class Kind(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        DEFERRED = "deferred", _("delayed")
        DELIVERED = "delivered", _("delivered")
        SOFT_BOUNCE = "soft_bounce", _("soft bounce")
        HARD_BOUNCE = "hard_bounce", _("hard bounce")
        REJECTED = "rejected", _("not sent by the provider")
        LISTED = "listed", _("not sent: complained earlier")
        COMPLAINED = "complained", _("complained")
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
        NOTED = "noted", _("without effect")
        UNKNOWN = "unknown", _("unknown")

    provider = models.CharField(_("provider"), max_length=50)
    event_id = models.CharField(_("event id"), max_length=200)
    kind = models.CharField(_("kind"), max_length=30, choices=Kind, db_default=Kind.UNKNOWN)
    delivery = models.ForeignKey(
        Delivery, on_delete=models.SET_NULL, null=True, related_name="events"
    )
    address = models.CharField(_("address"), max_length=320, blank=True)
    description = models.TextField(_("in the provider's words"), blank=True)
    happened_at = models.DateTimeField(_("happened at"), default=timezone.now)
    received_at = models.DateTimeField(_("received at"), default=timezone.now, editable=False)
    told_delivery = models.BigIntegerField(null=True, editable=False)
    # Whether we signed `told_delivery`: then it outweighs how the address is spelled.
    is_signed = models.BooleanField(db_default=False, default=False, editable=False)
    told_provider_id = models.CharField(max_length=200, blank=True, editable=False)
    look_at = models.DateTimeField(default=timezone.now, editable=False)
    handled_at = models.DateTimeField(_("handled at"), null=True, editable=False)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="an_event_counts_once")
        ]
        indexes = [
            models.Index(fields=["look_at"], name="event_queue", condition=Q(handled_at=None)),
            models.Index(fields=["address", "happened_at"], name="event_by_address"),
            models.Index(fields=["happened_at"], name="event_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind}"
