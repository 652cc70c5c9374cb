"""How each provider is doing, shared by all processes."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class MailerHealth(models.Model):
    """A provider's breaker, by its alias: closed (works), open (rests), half-open (one probe).

    `mode` is a person's decision, which goes before the breaker's: a paused provider gets nothing,
    a draining one only what nobody else can carry. A provider without a row is well.
    """

    class State(models.TextChoices):
        CLOSED = "closed", _("working")
        OPEN = "open", _("cooling down")
        HALF_OPEN = "half-open", _("being tested")

    class Mode(models.TextChoices):
        AUTOMATIC = "", _("in use")
        PAUSED = "paused", _("paused")
        DRAINING = "draining", _("draining")

    alias = models.CharField(_("provider"), max_length=200, primary_key=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.CLOSED)
    mode = models.CharField(_("mode"), max_length=10, choices=Mode, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    rests = models.PositiveIntegerField(_("cool-downs in a row"), default=0)
    # From then on one row may try it where no other provider works: sooner than retry_at.
    probe_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(_("next try"), null=True, blank=True)
    error = models.TextField(_("last error"), blank=True)
    failed_at = models.DateTimeField(_("last failure"), null=True, blank=True)
    changed_at = models.DateTimeField(_("since"), default=timezone.now)

    class Meta:
        verbose_name = _("provider health")
        verbose_name_plural = _("provider health")
        permissions = [("manage_mailers", _("Can pause, drain and test providers"))]

    def __str__(self) -> str:
        return f"{self.alias}: {self.state}"

    @property
    def is_pristine(self) -> bool:
        """True where a success would change nothing."""
        return self.state == self.State.CLOSED and not self.failures
