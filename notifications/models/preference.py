"""What people chose to be told."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from notifications.kinds import NotificationKind, Way
from notifications.local_time import morning_of, next_moment


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
    def choose(cls, user: Any, kind: NotificationKind, delivery: Way) -> None:
        """Remember a choice; the default needs no row, and a required kind takes no choice."""
        if kind.required or delivery is kind.default:
            cls.objects.filter(user=user, kind=kind.key).delete()
        else:
            cls.objects.update_or_create(
                user=user, kind=kind.key, defaults={"delivery": delivery.value}
            )


# -- Digests -----------------------------------------------------------------------------------


class DueDigestQuerySet(models.QuerySet["DueDigest"]):
    """Named questions about pending digests."""

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
        verbose_name = _("pending digest")
        verbose_name_plural = _("pending digests")

    def __str__(self) -> str:
        return f"{self.user_id} at {self.due_at}"


# -- When digests are due ----------------------------------------------------------------------


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
    paused_until = models.DateField(_("Pause all emails until"), null=True, blank=True)

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
        return until is not None and now.astimezone(self.user.zone).date() < until

    def next_digest(self, now: datetime) -> datetime:
        """The next moment after `now` at which this user's digest is due; never in a pause."""
        zone = self.user.zone
        start = max(now, morning_of(self.paused_until, zone)) if self.paused_until else now
        weekday = self.weekday if self.every == self.Every.WEEK else None
        return next_moment(start, zone, self.hour, weekday)


CHOICES = ("every", "weekday", "hour", "paused_until")
