"""Running tasks from the project's database, with django-tasks-db's own worker: a thread a lane."""

import threading
from collections.abc import Sequence

from django.dispatch import receiver
from django.tasks import TaskResult
from django.tasks.signals import task_enqueued
from django.utils.crypto import get_random_string
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from mailroom import shutdown

LOOK_SECONDS = 0.05  # how soon a task of another process is seen
POLL_SECONDS = 5  # should the look-out have failed

_bells: dict[tuple[str, ...], threading.Event] = {}  # by a lane's queues


@receiver(task_enqueued)
def ring(task_result: TaskResult, **_: object) -> None:
    """Wake the lane of a task that was just enqueued here."""
    _ring(task_result.task.queue_name)


def _ring(queue: str) -> None:
    for queues, bell in list(_bells.items()):
        if queue in queues:
            bell.set()


class _Lane(Worker):
    """django-tasks-db's worker until its queues are empty, stopped by our shutdown as well."""

    def __init__(self, queues: Sequence[str]) -> None:
        super().__init__(
            queue_names=list(queues),
            interval=0,
            batch=True,
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


def look_out() -> None:
    """Wake the lanes whose queues have something to do, until a shutdown is wanted.

    One small query for all lanes: that each looks for itself would cost more, or take longer.
    """
    try:
        while not shutdown.wait(LOOK_SECONDS):
            waiting = DBTaskResult.objects.ready().order_by().values_list("queue_name", flat=True)
            for queue in waiting.distinct():
                _ring(queue)
    finally:
        for bell in _bells.values():
            bell.set()


def run_lane(queues: Sequence[str]) -> None:
    """Run the queues' tasks until a shutdown is wanted.

    What this very process enqueues is begun at once; for the rest somebody looks out.
    """
    bell = _bells.setdefault(tuple(queues), threading.Event())
    while not shutdown.is_wanted():
        bell.clear()
        _Lane(queues).run()
        bell.wait(POLL_SECONDS)


def run_ready(queue: str) -> int:
    """Run the tasks of a queue that are ready now; how many."""
    lane = _Lane([queue])
    lane.run()
    return lane._run_tasks
