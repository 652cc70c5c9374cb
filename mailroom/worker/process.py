"""The worker process: lanes, periodic jobs, tasks and a heartbeat, each in threads of its own."""

import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.urls import get_resolver
from django.utils import translation
from django.utils.translation import gettext

from mailroom.config.channels import channels
from mailroom.delivery import shutdown, wakeups
from mailroom.delivery.engine import Lanes, deliver_due
from mailroom.models import WorkerBeat
from mailroom.outcomes import database_fault
from mailroom.worker import periodic
from mailroom.worker.readiness import wait_for_migrations
from mailroom.worker.task_queues import TaskQueue, task_queue

logger = logging.getLogger(__name__)

BEAT_SECONDS = 10
GRACE_SECONDS = 18  # from SIGTERM to the end; platforms kill after 30


def run() -> None:
    """Work until SIGTERM or SIGINT; then finish what is in flight and return."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, shutdown.want)
    wait_for_migrations()
    name = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
    _warm_up()
    lanes, tasks = Lanes(), task_queue()
    wakeups.listen(lanes.wake)
    wakeups.listen(tasks.wake)
    threads = [
        _thread("heartbeat", lambda: _beat(name)),
        _thread("periodic", periodic.JobSchedule().run),
        _thread("lanes", lambda: _again_and_again(lanes.run)),
        _thread("tasks", lambda: _again_and_again(tasks.run)),
        _thread("watcher", lambda: _watch(lanes, tasks)),
    ]
    logger.info("Worker %s started.", name)
    while not shutdown.wait(1):
        pass
    lanes.stop()
    tasks.stop()
    end = time.monotonic() + GRACE_SECONDS
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    logger.info("Worker %s stopped.", name)


def drain() -> None:
    """Do all that is due now, here, and return: tasks, due email, periodic jobs."""
    while True:
        periodic.run_all()
        ran = task_queue().run_ready()
        sent = sum(deliver_due(channel) for channel in channels())
        if shutdown.is_wanted() or not (ran or sent):
            return


def _warm_up() -> None:
    """Load languages and URLs now: loaded by the first email, they hold up what is behind it."""
    get_resolver().reverse_dict  # noqa: B018  (it is filled by the first look)
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            gettext("")


def _thread(name: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def _beat(name: str) -> None:
    """Say that this worker is alive, whatever else it is waiting for."""
    _again_and_again(lambda: WorkerBeat.beat(name), pause=BEAT_SECONDS)
    try:
        WorkerBeat.objects.filter(name=name).delete()
    except DatabaseError:
        logger.info("The heartbeat of %s was left behind.", name)
    connection.close()


def _watch(lanes: Lanes, tasks: TaskQueue) -> None:
    """Pass on what other processes queue, as long as they can be heard."""

    def tell(wakeup: wakeups.Wakeup) -> None:
        lanes.wake(wakeup)
        tasks.wake(wakeup)

    watcher = wakeups.Watcher(tell)

    def watch() -> None:
        try:
            watcher.watch(1.0)
        finally:
            lanes.hears = tasks.hears = watcher.hears

    _again_and_again(watch)
    watcher.close()


def _again_and_again(work: Callable[[], object], *, pause: float = 0) -> None:
    """Repeat until a shutdown is wanted. A database that is away ends nothing: it comes back."""
    while not shutdown.is_wanted():
        try:
            work()
        except DatabaseError as error:
            logger.warning("%s; trying again.", database_fault(error))
            connection.close()
            shutdown.wait(1)
        except Exception:
            logger.exception("A thread of the worker failed; it goes on.")
            shutdown.wait(1)
        shutdown.wait(pause)
    connection.close()
