"""How fast each channel goes, over all processes together."""

from datetime import datetime, timedelta

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ChannelPace(models.Model):
    """A channel's next free slot. Slots are handed out one after the other, whoever asks."""

    channel = models.CharField(max_length=50, primary_key=True)
    free_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("channel's pace")
        verbose_name_plural = _("channels' paces")

    def __str__(self) -> str:
        return self.channel

    @classmethod
    def take(cls, channel: str, rate: float, count: int) -> datetime:
        """Take `count` slots in a row, 1/rate seconds apart; the time of the first.

        Two processes never get the same slot: the row is locked while it is read and written.
        """
        with transaction.atomic():
            row, _created = cls.objects.select_for_update().get_or_create(channel=channel)
            first = max(row.free_at, timezone.now())
            row.free_at = first + timedelta(seconds=count / rate)
            row.save(update_fields=["free_at"])
        return first
