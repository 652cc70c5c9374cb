"""The breaker of a provider, shared by all processes."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class MailerHealth(models.Model):
    """How a provider's alias is doing: closed (well), open (rested), half-open (one probe)."""

    class State(models.TextChoices):
        CLOSED = "closed", _("working")
        OPEN = "open", _("resting")
        HALF_OPEN = "half-open", _("being tried")

    alias = models.CharField(_("mailer"), max_length=200, primary_key=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.CLOSED)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    retry_at = models.DateTimeField(_("next try"), null=True, blank=True)
    error = models.TextField(_("last error"), blank=True)
    changed_at = models.DateTimeField(_("since"), default=timezone.now)

    class Meta:
        verbose_name = _("mailer health")
        verbose_name_plural = _("mailer health")

    def __str__(self) -> str:
        return f"{self.alias}: {self.state}"
