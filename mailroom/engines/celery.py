"""Running tasks on Celery: a child process a lane, which the worker watches over."""

import subprocess
import sys
from collections.abc import Sequence

from django.conf import settings
from django.utils.module_loading import import_string
from kombu.simple import SimpleQueue

from mailroom import shutdown

GRACE_SECONDS = 15  # for a child that was asked to stop


def lanes(urgent: Sequence[str], others: Sequence[str]) -> list[tuple[str, ...]]:
    """Two lanes: what people wait for never stands behind what they don't."""
    return [tuple(urgent), tuple(others)]


def run_lane(queues: Sequence[str]) -> None:
    """Run a Celery worker for the queues until a shutdown is wanted or the child ends."""
    command = [sys.executable, "-m", "celery", "-A", _application().rpartition(".")[0], "worker"]
    options = ["-Q", ",".join(queues), "--pool", "threads", "-c", str(len(queues) + 2)]
    quiet = [
        "--without-gossip",
        "--without-mingle",
        "--loglevel",
        "WARNING",
        "-n",
        f"{queues[0]}@%h",
    ]
    child = subprocess.Popen([*command, *options, *quiet])  # noqa: S603  (nothing of it is input)
    while child.poll() is None and not shutdown.wait(0.5):
        pass
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


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
