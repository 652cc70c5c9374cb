"""How many mails go out between two commits."""

from collections.abc import Iterator, Sequence

from mailroom.models import Delivery

SECONDS = 0.1  # for which a window lasts, slots of a rate are taken, and a gate is asked
FIRST = 5  # rows, before it is known how fast the mailer is

Parcel = list[Delivery]  # what shares one mail


class Windows:
    """Cuts parcels into windows that take about a tenth of a second each.

    smallest, largest: rows. most: a further limit, where a channel has a rate.
    """

    def __init__(self, smallest: int, largest: int, *, most: int | None = None) -> None:
        self.largest = min(largest, most or largest)
        self.smallest = min(smallest, self.largest)
        self.size = self._within(FIRST)

    def cut(self, parcels: Sequence[Parcel]) -> Iterator[list[Parcel]]:
        """The parcels, window by window, each as large as `took` made it meanwhile."""
        position = 0
        while position < len(parcels):
            window: list[Parcel] = []
            rows = 0
            while position < len(parcels) and rows < self.size:
                window.append(parcels[position])
                rows += len(parcels[position])
                position += 1
            yield window

    def took(self, parcels: int, seconds: float) -> None:
        """Learn how long a window took: the next is as large as fits, at most twice as large."""
        fits = int(parcels * SECONDS / max(seconds, 0.0001))
        if parcels >= self.size or fits < self.size:  # the last of a batch says little
            self.size = self._within(min(fits, self.size * 2))

    def _within(self, size: int) -> int:
        return max(self.smallest, min(self.largest, size))
