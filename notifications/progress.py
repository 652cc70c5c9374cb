"""How far the sending of an announcement is."""

from dataclasses import dataclass

from django.utils.functional import cached_property

from mailroom.models import Delivery
from notifications.announcing import audience, mails, told
from notifications.models import Announcement

OPEN = (Delivery.State.QUEUED, Delivery.State.SENDING)


@dataclass
class Progress:
    announcement: Announcement

    @cached_property
    def told(self) -> int:
        """How many have it among their notifications."""
        return told(self.announcement).count()

    @cached_property
    def total(self) -> int:
        """How many are told; while that goes on, the audience."""
        is_told = self.announcement.state == Announcement.State.SENT
        return self.told if is_told else max(self.told, audience(self.announcement).count())

    @cached_property
    def _mails(self) -> dict[str, int]:
        return mails(self.announcement)

    @property
    def counts(self) -> dict[str, int]:
        """Mails by state, every state named."""
        return {str(state.label): self._mails.get(state.value, 0) for state in Delivery.State}

    @property
    def is_over(self) -> bool:
        is_told = self.announcement.state == Announcement.State.SENT
        return is_told and not any(self._mails.get(state.value) for state in OPEN)
