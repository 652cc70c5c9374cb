"""Running tasks on Celery: a child process a lane, which the worker watches over."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.utils.module_loading import import_string
from kombu.simple import SimpleQueue

from mailroom import shutdown

GRACE_SECONDS = 15  # for a child that was asked to stop
PARENT = "MAILROOM_WORKER"  # names the worker's process to its children


def lanes(urgent: Sequence[str], others: Sequence[str]) -> list[tuple[str, ...]]:
    """Two lanes: what people wait for never stands behind what they don't."""
    return [tuple(urgent), tuple(others)]


def run_lane(queues: Sequence[str]) -> None:
    """Run a Celery worker for the queues until a shutdown is wanted or the child ends."""
    command = [sys.executable, "-m", "celery", "-A", _application().rpartition(".")[0], "worker"]
    options = ["-Q", ",".join(queues), "--pool", "threads", "-c", str(len(queues) + 2)]
    # A name of its own: RabbitMQ refuses the second of a name, and a killed one's for a while.
    name = ["-n", f"{queues[0]}.{uuid.uuid4().hex[:8]}@%h"]
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    told = {**os.environ, PARENT: str(os.getpid())}
    command += [*options, *name, *quiet]
    child = subprocess.Popen(command, env=told)  # noqa: S603  (nothing of it is input)
    while child.poll() is None and not shutdown.wait(0.5):
        pass
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def end_with_worker(*_: object, **__: object) -> None:
    """Receiver of Celery's worker_init: a child ends when the worker that started it is gone.

    Otherwise each worker that is killed would leave children that nobody watches over.
    """
    if parent := os.environ.get(PARENT):
        threading.Thread(target=_watch, args=[int(parent)], daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def run_ready(queue: str) -> int:
    """Run the tasks that wait in a queue here and now; how many."""
    app = import_string(_application())
    ran = 0
    with app.connection_for_read() as connection:
        waiting = SimpleQueue(connection, queue)
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


def _application() -> str:
    path: str = settings.TASKS["default"]["OPTIONS"]["CELERY_APP"]
    return path
