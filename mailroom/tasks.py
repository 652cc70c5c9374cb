"""The one task of the mailroom: a nudge to look at a channel's rows. It takes no content."""

import logging
import threading

from django.tasks import task

from mailroom.delivery import deliver_due

logger = logging.getLogger(__name__)

_busy: dict[str, threading.Lock] = {}


@task()
def deliver_channel(channel: str) -> int:
    """Send what is due on a channel; the number of deliveries handled.

    Repeating it or losing it does no harm: the rows are the queue, and the clock looks at them too.
    One at a time in a process: on an engine with threads, the nudges of a slow channel would take
    all of them, and a kill would leave as many windows in doubt.
    """
    lock = _busy.setdefault(channel, threading.Lock())
    if not lock.acquire(blocking=False):
        return 0
    try:
        return deliver_due(channel)
    finally:
        lock.release()


def queue_of(channel: str) -> str:
    """The task queue of a channel. Each has its own, so that no mail waits for another's mailer."""
    return f"mail.{channel}"


def nudge(channel: str) -> None:
    """Ask a worker to look at a channel soon.

    Never raises, and is no error that anybody need be told of: the rows are stored, and the clock
    asks again in a second.
    """
    try:
        deliver_channel.using(queue_name=queue_of(channel)).enqueue(channel)
    except Exception as error:  # noqa: BLE001  (each broker has errors of its own)
        logger.warning("The task queue is away: %s", type(error).__name__)
