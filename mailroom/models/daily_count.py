"""How many emails were handed over on a day, by a name: quotas and daily caps."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

KEPT_DAYS = 7


class DailyCount(models.Model):
    """So many emails on a day. All processes count in the same row, which is locked for it."""

    name = models.CharField(_("name"), max_length=250)
    day = models.DateField(_("day"))
    number = models.PositiveIntegerField(_("number"), default=0)

    class Meta:
        verbose_name = _("daily count")
        verbose_name_plural = _("daily counts")
        constraints = [models.UniqueConstraint(fields=["name", "day"], name="one_count_a_day")]

    def __str__(self) -> str:
        return f"{self.name} {self.day}: {self.number}"

    @classmethod
    def take(cls, name: str, day: date, limit: int, wanted: int) -> int:
        """Take up to `wanted` of what is left of a day's limit; how many were taken."""
        with transaction.atomic():
            counts = cls.objects.select_for_update()
            row, is_new = counts.get_or_create(name=name, day=day)
            if is_new:
                past = cls.objects.filter(name=name, day__lt=day - timedelta(days=KEPT_DAYS))
                past.delete()
            taken = max(0, min(wanted, limit - row.number))
            if taken:
                cls.objects.filter(pk=row.pk).update(number=F("number") + taken)
        return taken

    @classmethod
    def give_back(cls, name: str, day: date, number: int) -> None:
        """Give back what was taken of a day and not handed over after all."""
        if number:
            counts = cls.objects.filter(name=name, day=day, number__gte=number)
            counts.update(number=F("number") - number)


class DailyLimit(NamedTuple):
    """A number of emails a day, counted under a name; the day begins at midnight in `zone`."""

    name: str
    number: int
    zone: str = "UTC"

    @property
    def day(self) -> date:
        """The day that it is now."""
        return timezone.now().astimezone(ZoneInfo(self.zone)).date()

    @property
    def ends_at(self) -> datetime:
        """When the next day begins."""
        return datetime.combine(self.day + timedelta(days=1), time(), ZoneInfo(self.zone))

    def left(self) -> int:
        """How many emails may be handed over until the day's end."""
        counts = DailyCount.objects.filter(name=self.name, day=self.day)
        return max(0, self.number - (counts.values_list("number", flat=True).first() or 0))

    def take(self, wanted: int, day: date | None = None) -> int:
        """Take up to `wanted` of what is left, today or of a day; how many were taken."""
        return DailyCount.take(self.name, day or self.day, self.number, wanted)

    def give_back(self, number: int, day: date | None = None) -> None:
        """Give back what was taken, today or of a day, and not handed over after all."""
        DailyCount.give_back(self.name, day or self.day, number)
