"""Queue tasks, whether or not the broker answers."""

import logging
import time
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)

AWAY_SECONDS = 5.0  # for which a broker that was away is not asked again
_away_until = 0.0


def queue_name(name: str = "default") -> str:
    """A queue for a task of ours: `name` where TASKS allows it, else one that the project has."""
    allowed = settings.TASKS.get("default", {}).get("QUEUES", ["default"])
    if not allowed or name in allowed:
        return name
    return "default" if "default" in allowed else str(next(iter(allowed)))


def enqueue(task: Any, *arguments: int) -> None:
    """Queue a task when the current transaction is committed. Never raises.

    task: what `@task` made of a function. It takes ids, never content. Each of ours has its intent
    in a row of its own: where the broker is away or loses it, a periodic job queues it again.
    """
    transaction.on_commit(partial(_enqueue, task, arguments), robust=True)


def _enqueue(task: Any, arguments: tuple[int, ...]) -> None:
    global _away_until  # noqa: PLW0603  (known to all threads of a process)
    if time.monotonic() < _away_until:
        return
    try:
        task.enqueue(*arguments)
    except Exception as error:  # noqa: BLE001  (each broker has errors of its own)
        _away_until = time.monotonic() + AWAY_SECONDS
        logger.warning(
            "The task queue is away (%s): %s is queued again by the worker.",
            type(error).__name__,
            task.name,
        )
