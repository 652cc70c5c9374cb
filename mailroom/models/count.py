"""How many deliveries ended how: kept as they end, so that no page has to count the outbox."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailroom.models.queries import locked


class OutcomeCountQuerySet(models.QuerySet["OutcomeCount"]):
    """Named questions about the counts."""

    def totals(self, *fields: str) -> dict[tuple[Any, ...], int]:
        """The sums by the given fields: `{("newsletters", "sent"): 200}`."""
        rows = self.order_by().values_list(*fields).annotate(Sum("number"))
        return {tuple(key): number for *key, number in rows}


class OutcomeCount(models.Model):
    """So many deliveries of a channel ended so, by a provider, in an hour.

    Rows are only ever added, so that no worker waits for another one's commit: the sum of all rows
    with one key is the number. A periodic job folds them into one row for each key. A delivery
    that is queued again, or whose outcome is corrected, adds a negative number.
    """

    channel = models.CharField(_("channel"), max_length=50)
    alias = models.CharField(_("provider"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=10)
    hour = models.DateTimeField(_("hour"))
    number = models.IntegerField(_("number"))

    objects = OutcomeCountQuerySet.as_manager()

    class Meta:
        verbose_name = _("kept count")
        verbose_name_plural = _("kept counts")
        indexes = [models.Index(fields=["hour"], name="count_by_hour")]

    def __str__(self) -> str:
        return f"{self.channel} {self.alias} {self.state} {self.hour:%Y-%m-%d %H}: {self.number}"

    @classmethod
    def add(
        cls, numbers: Mapping[tuple[str, str, str], int], *, at: datetime | None = None
    ) -> None:
        """Add to the counts of an hour: this one, or the one that `at` is in.

        numbers: by channel, alias and state.
        """
        hour = hour_of(at or timezone.now())
        OutcomeCount.objects.bulk_create(
            OutcomeCount(channel=channel, alias=alias, state=state, hour=hour, number=number)
            for (channel, alias, state), number in numbers.items()
            if number
        )

    @classmethod
    def fold(cls, since: datetime | None = None) -> int:
        """Make one row of the rows of each key; how many rows there are fewer.

        since: only of hours from then on. Hours that are two days old become days, and days that
        are two months old become months, so that the table stays small for years.
        """
        with transaction.atomic():
            rows = list(locked(cls.objects.filter(hour__gte=since) if since else cls.objects.all()))
            sums: dict[tuple[str, str, str, datetime], int] = {}
            for row in rows:
                key = (row.channel, row.alias, row.state, _period(row.hour))
                sums[key] = sums.get(key, 0) + row.number
            if len(sums) == len(rows):
                return 0
            cls.objects.filter(pk__any_of=[row.pk for row in rows]).delete()
            OutcomeCount.objects.bulk_create(
                OutcomeCount(channel=channel, alias=alias, state=state, hour=hour, number=number)
                for (channel, alias, state, hour), number in sums.items()
            )
        return len(rows) - len(sums)


def _period(hour: datetime) -> datetime:
    age = timezone.now() - hour
    if age > timedelta(days=60):
        return hour.replace(day=1, hour=0)
    return hour.replace(hour=0) if age > timedelta(days=2) else hour


def hour_of(at: datetime) -> datetime:
    """When the hour that `at` is in began, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
