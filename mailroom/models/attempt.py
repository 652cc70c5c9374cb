"""What happened to a delivery before its present state."""

from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailroom.models.delivery import Delivery


class Attempt(models.Model):
    """One try that was refused, or an outcome that was overwritten later.

    Together with the delivery's own columns and its events it forms the delivery's timeline. A
    transport fault of a bulk window is one row without a delivery: it says something about the
    provider, and nothing about any of the recipients.
    """

    class Outcome(models.TextChoices):
        REFUSED = "refused", _("refused")  # the delivery stayed queued, or another provider took it
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        UNCERTAIN = "uncertain", _("uncertain")
        SKIPPED = "skipped", _("skipped")

    delivery = models.ForeignKey(
        Delivery,
        on_delete=models.CASCADE,
        null=True,
        related_name="past_attempts",
        verbose_name=_("delivery"),
    )
    alias = models.CharField(_("provider"), max_length=200, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    error = models.TextField(_("error"), blank=True)
    provider_id = models.CharField(_("provider's id"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"), default=timezone.now)
    # Set where a person had the delivery sent again, which overwrote this outcome.
    requeued_at = models.DateTimeField(_("queued again at"), null=True, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        indexes = [models.Index(fields=["at"], name="attempt_by_age")]

    @classmethod
    def of(cls, delivery: Delivery, requeued_at: datetime | None = None) -> "Attempt":
        """An attempt, not yet stored, with the outcome that a delivery has now."""
        return cls(
            delivery=delivery,
            alias=delivery.alias,
            outcome=delivery.state,
            error=delivery.error or delivery.reason,
            provider_id=delivery.provider_id,
            at=delivery.finished_at or timezone.now(),
            requeued_at=requeued_at,
        )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.alias} {self.outcome}"
