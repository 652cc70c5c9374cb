"""Running the tasks of Django's framework: from the database with django-ox, or with Celery.

All tasks of the default backend are run, those of the project around us too.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Min, Q
from django.db.models.functions import Coalesce
from django.dispatch import receiver
from django.tasks.signals import task_enqueued
from django.utils import timezone
from django.utils.module_loading import import_string

from mailroom.delivery import shutdown
from mailroom.delivery.wakeups import POLL_SECONDS, TASK_QUEUED, Wakeup, wake

CONCURRENCY = 4
QUEUES = "default,mailboxes"  # of a broker; from the database all are read
LOCK_TIMEOUT = 60  # seconds, after which a task of a dead worker is run again
CELERY_GRACE_SECONDS = 15  # for a Celery worker that was asked to stop
PARENT = "MAILROOM_WORKER"  # names our process to it


@receiver(task_enqueued)
def wake_for_task(**_: object) -> None:
    """Wake the workers for a task that is stored in the database."""
    if _backend().startswith("django_ox"):
        wake(TASK_QUEUED)


def task_queue() -> "TaskQueue":
    """What runs the tasks of the configured backend."""
    if _backend().startswith("django_ox"):
        return DatabaseQueue()
    return CeleryQueue() if "celery" in _backend() else TaskQueue()


def _backend() -> str:
    path: str = settings.TASKS["default"]["BACKEND"]
    return path


class TaskQueue:
    """A backend that runs its tasks by itself, such as Django's ImmediateBackend."""

    def __init__(self) -> None:
        self.hears = True
        self._woken = threading.Event()

    def wake(self, wakeup: Wakeup) -> None:
        """Listener of `wakeups`."""
        if wakeup.channel in {TASK_QUEUED, ""}:
            self._woken.set()

    def stop(self) -> None:
        """End `run`, once what it is doing is done."""
        self._woken.set()

    def run(self) -> None:
        """Run tasks until a shutdown is wanted."""
        self._woken.wait(POLL_SECONDS)
        self._woken.clear()

    def run_ready(self) -> int:
        """Run the tasks that are ready now, in this thread; how many."""
        return 0


class DatabaseQueue(TaskQueue):
    """Tasks in the project's database. django-ox runs those of a dead worker again."""

    _worker: Any = None

    def run(self) -> None:
        while not shutdown.is_wanted():
            self._woken.clear()
            seconds = self._seconds_to_next()
            if seconds <= 0:
                self._run_all()
                seconds = 0.1
            self._woken.wait(min(seconds, POLL_SECONDS if self.hears else 1.0))

    def stop(self) -> None:
        if self._worker:
            self._worker.request_stop()
        super().stop()

    def run_ready(self) -> int:
        from django_ox.worker import Worker  # noqa: PLC0415  (only where it is the backend)

        worker, ran = Worker(), 0
        while not shutdown.is_wanted() and worker.run_once():
            ran += 1
        return ran

    def _seconds_to_next(self) -> float:
        """Until a task is due, or one was left by a worker that died; 0 for now."""
        from django_ox.models import OxTask  # noqa: PLC0415  (only where it is the backend)

        status = OxTask.Status
        found = OxTask.objects.filter(status__in=[status.READY, status.RUNNING]).aggregate(
            due=Min(Coalesce("run_after", "enqueued_at"), filter=Q(status=status.READY)),
            seen=Min("locked_at", filter=Q(status=status.RUNNING)),
        )
        left = found["seen"] and found["seen"] + timedelta(seconds=LOCK_TIMEOUT)
        first = min((at for at in (found["due"], left) if at), default=None)
        return (first - timezone.now()).total_seconds() if first else POLL_SECONDS

    def _run_all(self) -> None:
        """Run django-ox's own worker until its queue is empty."""
        from django_ox.worker import Worker  # noqa: PLC0415  (only where it is the backend)

        self._worker = Worker(
            batch=True,
            concurrency=CONCURRENCY,
            poll_interval=0.5,
            lock_timeout=LOCK_TIMEOUT,
        )
        try:
            if not shutdown.is_wanted():
                self._worker.run()
        finally:
            self._worker = None
            connection.close()


class CeleryQueue(TaskQueue):
    """Tasks on a broker: a Celery worker in a child process, which is started again if it ends."""

    def run(self) -> None:
        application = settings.TASKS["default"]["OPTIONS"]["CELERY_APP"].rpartition(".")[0]
        # A name of its own: RabbitMQ refuses the second of a name, and a killed one's for a while.
        options = ["-n", f"tasks.{uuid.uuid4().hex[:8]}@%h", "-Q", QUEUES]
        options += ["--pool", "threads", "-c", str(CONCURRENCY)]
        options += ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
        child = subprocess.Popen(  # noqa: S603  (nothing of it is input)
            [sys.executable, "-m", "celery", "-A", application, "worker", *options],
            env={**os.environ, PARENT: str(os.getpid())},
        )
        while child.poll() is None and not shutdown.wait(0.5):
            pass
        child.terminate()
        try:
            child.wait(CELERY_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()

    def run_ready(self) -> int:
        from kombu.simple import SimpleQueue  # noqa: PLC0415  (only where Celery is used)

        app = import_string(settings.TASKS["default"]["OPTIONS"]["CELERY_APP"])
        ran = 0
        with app.connection_for_read() as broker:
            waiting = SimpleQueue(broker, "default")
            while not shutdown.is_wanted():
                try:
                    message = waiting.get(block=False)
                except waiting.Empty:
                    break
                args, kwargs, _ = message.decode()
                app.tasks[message.headers["task"]](*args, **kwargs)
                message.ack()
                ran += 1
            waiting.close()
        return ran


def end_with_worker(*_: object, **__: object) -> None:
    """Receiver of Celery's worker_init: the child ends when the worker that started it is gone.

    Otherwise each worker that is killed would leave a child that nobody watches over.
    """
    if parent := os.environ.get(PARENT):
        threading.Thread(target=_watch, args=[int(parent)], daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(CELERY_GRACE_SECONDS)
    os._exit(1)
