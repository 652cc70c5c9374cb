"""When people want their digests, and until when they want quiet."""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from notifications.moments import morning_of, next_moment, zone_of


class Schedule(models.Model):
    """One user's rhythm, in the time zone of their profile. Without a row: daily at eight."""

    class Every(models.TextChoices):
        DAY = "day", _("every day")
        WEEK = "week", _("once a week")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_schedule"
    )
    every = models.CharField(_("Digest"), max_length=4, choices=Every, default=Every.DAY)
    weekday = models.PositiveSmallIntegerField(
        _("On"), choices=list(WEEKDAYS.items()), default=0, help_text=_("For a weekly digest.")
    )
    hour = models.PositiveSmallIntegerField(
        _("At"),
        choices=[(hour, f"{hour:02}:00") for hour in range(24)],
        default=8,
        validators=[MaxValueValidator(23)],
    )
    paused_until = models.DateField(_("Pause all mails until"), null=True, blank=True)

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")

    def __str__(self) -> str:
        return f"{self.every} at {self.hour}"

    @classmethod
    def of(cls, user: Any) -> "Schedule":
        """A user's own, or the default, which is not stored."""
        found = cls.objects.filter(user=user).first() or cls()
        found.user = user  # the one at hand, whose time zone may just have changed
        return found

    @property
    def is_default(self) -> bool:
        other = Schedule()
        return all(getattr(self, name) == getattr(other, name) for name in CHOICES)

    def keep(self) -> None:
        """Store what differs from the default, and nothing else."""
        if not self.is_default:
            self.save()
        elif self.pk:
            self.delete()

    def is_paused(self, now: datetime) -> bool:
        until: date | None = self.paused_until
        return until is not None and now.astimezone(zone_of(self.user)).date() < until

    def next_digest(self, now: datetime) -> datetime:
        """The next moment after `now` at which this user's digest is due; never in a pause."""
        zone = zone_of(self.user)
        start = max(now, morning_of(self.paused_until, zone)) if self.paused_until else now
        weekday = self.weekday if self.every == self.Every.WEEK else None
        return next_moment(start, zone, self.hour, weekday)


CHOICES = ("every", "weekday", "hour", "paused_until")
