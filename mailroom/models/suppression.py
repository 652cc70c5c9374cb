"""Addresses that must not get mail, checked when sending, not when queueing."""

from collections.abc import Iterable

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    """Named questions about suppressions."""

    def active(self) -> "SuppressionQuerySet":
        return self.filter(Q(until=None) | Q(until__gt=timezone.now()))

    def stopping(self, addresses: Iterable[str], *, channel: str, is_bulk: bool) -> set[str]:
        """Which of the addresses must not get mail on the channel, in lower case.

        A hard bounce stops everything; any other reason stops bulk types only.
        """
        scope = Q(channel="") | Q(channel=channel)
        found = self.active().filter(scope, address__in={a.lower() for a in addresses})
        if not is_bulk:
            found = found.filter(reason=Suppression.Reason.BOUNCED)
        return set(found.values_list("address", flat=True))


class Suppression(models.Model):
    """One address (in lower case), the scope (every channel or one), the reason, until when."""

    class Reason(models.TextChoices):
        BOUNCED = "bounced", _("does not exist (hard bounce)")
        COMPLAINED = "complained", _("complained")
        MANUAL = "manual", _("by hand")

    address = models.CharField(_("address"), max_length=320)
    channel = models.CharField(_("channel"), max_length=50, blank=True)
    reason = models.CharField(_("reason"), max_length=10, choices=Reason)
    note = models.TextField(_("note"), blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            models.UniqueConstraint(
                fields=["address", "channel"], name="one_suppression_an_address_and_scope"
            )
        ]

    def __str__(self) -> str:
        return self.address

    def save(self, *args: object, **kwargs: object) -> None:
        self.address = self.address.strip().lower()
        super().save(*args, **kwargs)  # type: ignore[arg-type]
