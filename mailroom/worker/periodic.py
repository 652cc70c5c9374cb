"""Periodic jobs: work that is done again and again, once over all workers.

An app registers functions with `@every(seconds=…)` in its `periodic.py`, which is found by itself.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from django.db import DatabaseError, connection

from mailroom.delivery import shutdown
from mailroom.models import ClockLease
from mailroom.outcomes import database_fault, is_database_away

logger = logging.getLogger(__name__)

Work = Callable[[], object]
EARLY = 0.9  # of an interval: the worker that asks a moment early must not wait for a second one


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

    It must be quick, and harmless when called twice: what is long belongs in a task. One that
    returns True has more to do, and is called again a second later.
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


class JobSchedule:
    """When this process asks next whether a job is due. Others may have run it meanwhile."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def run(self) -> None:
        """Run jobs until a shutdown is wanted, each in its time."""
        while not shutdown.is_wanted():
            try:
                self.tick()
            except DatabaseError as error:
                logger.warning("%s; trying again.", database_fault(error))
                connection.close()
            shutdown.wait(1)
        connection.close()

    def tick(self) -> None:
        """Run the jobs whose time has come and that no other worker took.

        Jobs with the same interval are won by one statement. One that fails is logged and tried
        next time.
        """
        now = time.monotonic()
        due: dict[float, list[str]] = {}
        for job in _jobs.values():
            if self._next.get(job.name, 0) <= now:
                due.setdefault(job.seconds, []).append(job.name)
        for seconds, names in due.items():
            for name in names:
                self._next[name] = (now // seconds + 1) * seconds
            won = ClockLease.win_some(names, seconds, free_after=seconds * EARLY)
            for name in sorted(won):
                if run_job(_jobs[name]) is True:
                    self._next[name] = 0
                    ClockLease.end(name)


def run_all() -> None:
    """Run every job now, whatever its time."""
    for job in list(_jobs.values()):
        while run_job(job) is True:
            pass


def run_job(job: Job) -> object:
    """Run a job; what it returned. Only a database that is away is raised."""
    try:
        return job.work()
    except Exception as error:
        if is_database_away(error):
            raise
        _log_failure(f"job {job.name}", job.work, error)
        return None
