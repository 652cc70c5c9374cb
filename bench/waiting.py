"""Asking the site's database until something has become true."""

import time
from collections import Counter
from collections.abc import Callable
from statistics import median


def states() -> Counter[str]:
    """How many deliveries are in each state."""
    from django.db.models import Count

    from mailroom.models import Delivery

    rows = Delivery.objects.order_by().values_list("state").annotate(Count("pk"))
    return Counter(dict(rows))


def patiently[T](ask: Callable[[], T]) -> T:
    """Ask a database that may be away for a moment."""
    from django.db import DatabaseError, connection

    for _ in range(60):
        try:
            return ask()
        except DatabaseError:
            connection.close()
            time.sleep(0.5)
    return ask()


def wait_until(true: Callable[[], object], seconds: float, *, every: float = 0.02) -> bool:
    """Wait for something to become true, looking `every` so many seconds; whether it did."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def median_ms(act: Callable[[], object], rounds: int) -> float:
    """The median of what an act takes, in milliseconds, less the first time.

    That one loads what every process loads once.
    """
    took = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        act()
        took.append(1000 * (time.perf_counter() - begun))
    return round(median(took[1:]), 1)


def is_settled() -> bool:
    """Nothing is queued or being sent."""
    counts = patiently(states)
    return not (counts["queued"] or counts["sending"])
