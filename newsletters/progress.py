"""How far the sending of an issue is."""

from dataclasses import dataclass

from django.utils.functional import cached_property

from mailroom.models import Delivery
from newsletters.models import Issue

OPEN = (Delivery.State.QUEUED, Delivery.State.SENDING)


@dataclass
class Progress:
    issue: Issue

    @cached_property
    def counts(self) -> dict[str, int]:
        """Deliveries by state, every state named."""
        found = self.issue.progress()
        return {str(state.label): found.get(state.value, 0) for state in Delivery.State}

    @cached_property
    def total(self) -> int:
        """How many get it: all deliveries, or the audience while they are being queued."""
        queued = sum(self.counts.values())
        return queued if self.issue.queued_at else max(queued, self.issue.audience().count())

    @property
    def done(self) -> int:
        """How many have an outcome, whatever it is."""
        waiting = sum(self.counts[str(state.label)] for state in OPEN)
        return sum(self.counts.values()) - waiting

    @property
    def failed(self) -> int:
        """How many were refused for good."""
        return self.counts[str(Delivery.State.FAILED.label)]

    @property
    def is_over(self) -> bool:
        if self.issue.state == Issue.State.CANCELLED:
            return True
        return bool(self.issue.queued_at) and self.done == self.total
