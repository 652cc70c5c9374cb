"""The clock: work that is done again and again, once over all workers.

An app puts functions with `@every(seconds=…)` into its `clock.py`, which is found by itself.
"""

import logging
from collections.abc import Callable
from typing import NamedTuple

from django.db import InterfaceError, OperationalError

from mailroom.models import ClockLease

logger = logging.getLogger(__name__)

Work = Callable[[], object]


class Job(NamedTuple):
    """A function without arguments, its dotted name, and the seconds between two runs."""

    name: str
    seconds: float
    work: Work


_jobs: dict[str, Job] = {}


def every(*, seconds: float) -> Callable[[Work], Work]:
    """Register a function to be called about every `seconds` by one of the workers.

    It must be quick, and harmless when called twice: what is long belongs in a task.
    """

    def register(work: Work) -> Work:
        name = f"{work.__module__}.{work.__qualname__}"
        _jobs[name] = Job(name, seconds, work)
        return work

    return register


def tick(*, at_once: bool = False) -> None:
    """Run the jobs whose time has come and that no other worker took.

    at_once: run all of them whatever their time. A job that fails is logged and tried next time.
    """
    resting = set() if at_once else ClockLease.resting()
    for job in _jobs.values():
        try:
            if at_once or (job.name not in resting and ClockLease.win(job.name, job.seconds)):
                job.work()
        except (OperationalError, InterfaceError):
            raise  # the database is away: no other job would do better
        except Exception:
            logger.exception("The clock's job %s failed.", job.name)
