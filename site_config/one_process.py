"""WORKER_IN_WEB=1: gunicorn's master runs `manage.py worker` as its child.

For platforms whose free tier has one process. gunicorn.conf.py calls the methods below. The worker
is started once, however many web workers there are; it is started again when it dies, and stops
with the master, also when that is killed: the pipe that is its standard input then closes.
"""

import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Any

STOP_SECONDS = 20  # as long as web workers have for their requests (graceful_timeout)
LONGEST_PAUSE = 30  # seconds before a worker that dies again and again is started again
COMMAND = [sys.executable, "manage.py", "worker", "--stop-with-stdin"]


class WorkerChild:
    """The worker as a child of gunicorn's master.

    The master has one thread, and forks: so the worker is watched by signals, not by a thread.
    """

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}
        self.pause = 1.0
        self.started_at = 0.0
        self.is_stopping = False

    def start(self, server: Any, environment: dict[str, str]) -> None:
        """Start the worker and watch it: gunicorn's `when_ready`, called once, in the master."""
        self.environment = environment
        before: dict[int, Any] = {}

        def child_ended(number: int, frame: FrameType | None) -> None:
            self._start_again_if_dead(server)
            before[number](number, frame)

        def stop_wanted(number: int, frame: FrameType | None) -> None:
            self._terminate()  # together with the web workers, not after them
            before[number](number, frame)

        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            before[number] = signal.getsignal(number)
            signal.signal(number, child_ended if number == signal.SIGCHLD else stop_wanted)
        signal.signal(signal.SIGALRM, lambda *_: self._run())
        self._run()

    def close_pipe(self) -> None:
        """Close a web worker's copy of the pipe, or it would outlive the master (`post_fork`)."""
        if self.process and self.process.stdin:
            self.process.stdin.close()

    def stop(self) -> None:
        """Wait until the worker has finished what is in flight (`on_exit`)."""
        self._terminate()
        if self.process:
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def _run(self) -> None:
        if not self.is_stopping:
            self.started_at = time.monotonic()
            self.process = subprocess.Popen(  # noqa: S603  (no part of it comes from outside)
                COMMAND, stdin=subprocess.PIPE, env=self.environment
            )

    def _start_again_if_dead(self, server: Any) -> None:
        if self.is_stopping or not self.process or self.process.poll() is None:
            return
        if time.monotonic() - self.started_at > LONGEST_PAUSE:
            self.pause = 1
        server.log.error(
            "The worker ended with code %s. Starting it again in %d s.",
            self.process.returncode,
            self.pause,
        )
        signal.setitimer(signal.ITIMER_REAL, self.pause)
        self.pause = min(self.pause * 2, LONGEST_PAUSE)

    def _terminate(self) -> None:
        self.is_stopping = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self.process and self.process.poll() is None:
            self.process.terminate()


child = WorkerChild()
