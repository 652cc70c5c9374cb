"""The clock: work that is done again and again, once over all workers.

An app puts functions with `@every(seconds=…)` into its `clock.py`, which is found by itself.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mailroom.models import ClockLease
from mailroom.outcomes import is_database_away

logger = logging.getLogger(__name__)

Work = Callable[[], object]


class Job(NamedTuple):
    """A function without arguments, its dotted name, and the seconds between two runs."""

    name: str
    seconds: float
    work: Work


_jobs: dict[str, Job] = {}

LOG_AGAIN = 3600  # seconds after which the same failure is logged again
_logged: dict[str, float] = {}  # what failed, and when it was logged


def every(*, seconds: float) -> Callable[[Work], Work]:
    """Register a function to be called about every `seconds` by one of the workers.

    It must be quick, and harmless when called twice: what is long belongs in a task.
    """

    def register(work: Work) -> Work:
        name = f"{work.__module__}.{work.__qualname__}"
        _jobs[name] = Job(name, seconds, work)
        return work

    return register


def each(rows: Iterable[Any], work: Callable[[Any], object]) -> None:
    """Call `work` for each row (or key). One that raises is logged, and the others have their turn.

    Raises only when the database is away: no other row would do better. `work` has a transaction
    of its own. The same row of the same work is logged once an hour by a process.
    """
    for row in rows:
        try:
            work(row)
        except Exception as error:
            if is_database_away(error):
                raise
            # Not the row itself: its text may be somebody's address.
            _log_failure(f"{type(row).__name__} {getattr(row, 'pk', row)}", work, error)


def _log_failure(what: str, work: Callable[..., object], error: Exception) -> None:
    """Log an error, unless the same was logged a short while ago."""
    name = f"{work.__module__}.{getattr(work, '__qualname__', type(work).__name__)}"
    now = time.monotonic()
    for key in [key for key, at in _logged.items() if now - at >= LOG_AGAIN]:
        del _logged[key]
    if _logged.setdefault(f"{name} {what}", now) == now:
        logger.error("%s failed for %s; it is tried again.", name, what, exc_info=error)


def tick(*, at_once: bool = False) -> None:
    """Run the jobs whose time has come and that no other worker took.

    at_once: run all of them whatever their time. A job that fails is logged and tried next time.
    """
    resting = set() if at_once else ClockLease.resting()
    for job in _jobs.values():
        try:
            if at_once or (job.name not in resting and ClockLease.win(job.name, job.seconds)):
                job.work()
        except Exception as error:
            if is_database_away(error):
                raise
            _log_failure(f"job {job.name}", job.work, error)
