"""Keeping to a channel's rate: each message waits for its slot."""

from datetime import datetime

from django.utils import timezone

from mailroom import shutdown
from mailroom.channels import channel_options
from mailroom.models import ChannelPace
from mailroom.windows import SECONDS


class Pace:
    """The slots of one worker on one channel; without a rate, every message goes at once."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.rate = channel_options(channel).rate

    @property
    def window(self) -> int | None:
        """How many messages a window may hold at most; None for no limit."""
        return max(1, int(self.rate * SECONDS)) if self.rate else None

    def take(self, count: int) -> bool:
        """Take slots for the next `count` messages and wait for the first.

        False where a shutdown was asked for meanwhile: nothing may be sent then.
        """
        if not self.rate:
            return True
        return not _sleep_until(ChannelPace.take(self.channel, self.rate, count))


def _sleep_until(when: datetime) -> bool:
    """Sleep; True where a shutdown cut it short."""
    return shutdown.wait(max(0.0, (when - timezone.now()).total_seconds()))
