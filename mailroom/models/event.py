"""What a provider said of a delivery after it had accepted it."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailroom.models.delivery import Delivery


class Event(models.Model):
    """One webhook event. Providers repeat them: an event id counts once."""

    provider = models.CharField(_("provider"), max_length=50)
    event_id = models.CharField(_("event id"), max_length=200)
    kind = models.CharField(_("kind"), max_length=30)
    delivery = models.ForeignKey(
        Delivery, on_delete=models.SET_NULL, null=True, related_name="events"
    )
    address = models.CharField(_("address"), max_length=320, blank=True)
    description = models.TextField(_("in the provider's words"), blank=True)
    happened_at = models.DateTimeField(_("happened at"), default=timezone.now)
    received_at = models.DateTimeField(_("received at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="an_event_counts_once")
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind}"
