"""The worker: one process that works the queues in lanes, and winds the clock."""

import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType

from django.conf import settings
from django.db import DatabaseError, connection
from django.urls import get_resolver
from django.utils import timezone, translation
from django.utils.translation import gettext

from mailroom import clock, health, shutdown
from mailroom.bounces import mailbox
from mailroom.channels import channels
from mailroom.delivery import deliver_due
from mailroom.models import Delivery, WorkerBeat
from mailroom.readiness import wait_for_migrations
from mailroom.tasks import queue_of

logger = logging.getLogger(__name__)

GENERAL_QUEUE = "default"  # what isn't mail: publishing, announcements
BEAT_SECONDS = 5
GRACE_SECONDS = 18  # from SIGTERM to the end; platforms kill after 30


def run() -> None:
    """Work until SIGTERM or SIGINT; then finish what is in flight, release leases, and return."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, shutdown.want)
    wait_for_migrations()
    name = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
    _warm_up()
    threads = [_thread("clock", lambda: _wind_clock(name))]
    threads += [_thread(lane[0], partial(_work, lane)) for lane in _engine().lanes(*queues())]
    if look_out := getattr(_engine(), "look_out", None):
        threads.append(_thread("look-out", lambda: _again_and_again(look_out)))
    logger.info("Worker %s started.", name)
    while not shutdown.wait(1):
        pass
    _join(threads)
    logger.info("Worker %s stopped.", name)


def drain() -> None:
    """Do all that is due now, here, and return: queued tasks, due mail, the clock's work."""
    urgent, others = queues()
    while True:
        clock.tick(at_once=True)
        ran = sum(_engine().run_ready(queue) for queue in [*urgent, *others])
        sent = sum(deliver_due(channel) for channel in channels())
        movable = [channel for channel in channels() if not health.is_paused(channel)]
        due = Delivery.objects.due().filter(channel__in=movable)
        if shutdown.is_wanted() or not (ran or sent or due.exists()):
            return


def queues() -> tuple[list[str], list[str]]:
    """The task queues: those people wait for (channels with transactional types), and the rest."""
    awaited = {row.channel for row in settings.MESSAGE_TYPES.values() if not row.bulk} | {"default"}
    urgent = [queue_of(channel) for channel in channels() if channel in awaited]
    bulk = [queue_of(channel) for channel in channels() if channel not in awaited]
    return urgent, [*bulk, GENERAL_QUEUE, mailbox.QUEUE]


def _warm_up() -> None:
    """Load languages and URLs now: loaded by the first mail, they hold up what stands behind it."""
    get_resolver().reverse_dict  # noqa: B018  (it is filled by the first look)
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            gettext("")


def _engine() -> ModuleType:
    """The module that runs tasks on the configured engine."""
    backend = settings.TASKS["default"]["BACKEND"]
    name = "database" if backend.startswith("django_tasks_db") else "celery"
    return import_module(f"mailroom.engines.{name}")


def _thread(name: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def _join(threads: list[threading.Thread]) -> None:
    end = time.monotonic() + GRACE_SECONDS
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))


def _work(lane: tuple[str, ...]) -> None:
    _again_and_again(lambda: _engine().run_lane(lane), pause=1)


def _wind_clock(name: str) -> None:
    def beat_and_tick() -> None:
        WorkerBeat.objects.update_or_create(name=name, defaults={"beat_at": timezone.now()})
        for _ in range(BEAT_SECONDS):
            clock.tick()
            if shutdown.wait(1):
                break

    _again_and_again(beat_and_tick)
    WorkerBeat.objects.filter(name=name).delete()
    connection.close()


def _again_and_again(work: Callable[[], object], *, pause: float = 0) -> None:
    """Repeat until a shutdown is wanted. A database that is away ends nothing: it comes back."""
    while not shutdown.is_wanted():
        try:
            work()
        except DatabaseError as error:
            logger.warning("The database is away (%s); trying again.", type(error).__name__)
            connection.close()
            shutdown.wait(1)
        except Exception:
            logger.exception("A lane of the worker failed; it goes on.")
            shutdown.wait(1)
        shutdown.wait(pause)
    connection.close()
