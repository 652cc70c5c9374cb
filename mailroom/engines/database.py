"""Running tasks from the project's database, with django-tasks-db's own worker: a thread a lane."""

import threading
from collections.abc import Sequence

from django.utils.crypto import get_random_string
from django_tasks_db.management.commands.db_worker import Worker

from mailroom import shutdown

POLL_SECONDS = 0.5


class _Lane(Worker):
    """django-tasks-db's worker, stopped by our shutdown instead of by signals."""

    def __init__(self, queues: Sequence[str], *, until_empty: bool) -> None:
        super().__init__(
            queue_names=list(queues),
            interval=0 if until_empty else POLL_SECONDS,
            batch=until_empty,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=f"{threading.current_thread().name[:30]}-{get_random_string(8)}",
            excluded_queue_names=[],
        )

    @property
    def running(self) -> bool:
        return not shutdown.is_wanted()

    @running.setter
    def running(self, value: bool) -> None:
        """Set by the base class; a shutdown is asked of mailroom.shutdown alone."""


def lanes(urgent: Sequence[str], others: Sequence[str]) -> list[tuple[str, ...]]:
    """One lane a queue: a mailer that hangs holds up its own channel, and nothing else."""
    return [(queue,) for queue in [*urgent, *others]]


def run_lane(queues: Sequence[str]) -> None:
    """Run the queues' tasks until a shutdown is wanted."""
    _Lane(queues, until_empty=False).run()


def run_ready(queue: str) -> int:
    """Run the tasks of a queue that are ready now; how many."""
    lane = _Lane([queue], until_empty=True)
    lane.run()
    return lane._run_tasks
