"""A test stand: a folder, a database, a mail server and workers, all real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Stand:
    """Everything one case needs. lease: seconds; behave: how the mail server misbehaves."""

    def __init__(
        self, database_url: str = "", *, lease: float = 3, behave: dict[str, Any] | None = None
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailroom-bench-"))
        self.port = free_port()
        self.log = self.folder / "accepted.jsonl"
        self.log.touch()
        self.workers: list[subprocess.Popen[bytes]] = []
        self.database_url = database_url or f"sqlite:///{self.folder / 'bench.sqlite3'}"
        self.environment = {
            **os.environ,
            "ENV_FILE": "",
            "SECRET_KEY": "bench" * 10,
            "PUBLIC_URL": "http://127.0.0.1:1",
            "DATABASE_URL": self.database_url,
            "MAILER_URL": f"smtp+plain://127.0.0.1:{self.port}",
            "MAIL_LEASE_SECONDS": str(lease),
            "MAIL_RETRY_SECONDS": "0.5",
            "DJANGO_SETTINGS_MODULE": "bench.settings",
            "PYTHONPATH": str(ROOT),
        }
        self.sink = self._start(
            "bench/sink.py",
            "--port",
            str(self.port),
            "--log",
            str(self.log),
            "--behave",
            json.dumps(behave or {}),
        )
        os.environ.update(self.environment)

    def __enter__(self) -> "Stand":
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, self.sink]:
            process.kill()
            process.wait()

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        output = (self.folder / "log.txt").open("ab")
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=output,
            stderr=output,
        )

    def start_worker(self) -> None:
        self.workers.append(self._start("manage.py", "worker"))

    def kill_worker(self, index: int, number: signal.Signals = signal.SIGKILL) -> None:
        worker = self.workers.pop(index)
        worker.send_signal(number)
        worker.wait(30)

    def accepted(self) -> list[dict[str, Any]]:
        """What the server accepted: Message-ID and recipients of each mail."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]

    def accepted_count(self) -> int:
        with self.log.open("rb") as log:
            return sum(1 for _ in log)


def states() -> Counter[str]:
    """How many deliveries are in each state."""
    from django.db.models import Count

    from mailroom.models import Delivery

    rows = Delivery.objects.order_by().values_list("state").annotate(Count("pk"))
    return Counter(dict(rows))


def patiently[T](ask: Callable[[], T]) -> T:
    """Ask a database that may be away for a moment."""
    from django.db import DatabaseError, connection

    for _ in range(60):
        try:
            return ask()
        except DatabaseError:
            connection.close()
            time.sleep(0.5)
    return ask()


def wait_until_settled(seconds: float) -> float:
    """Wait until nothing is queued or being sent; the seconds it took. Ends by itself."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        counts = patiently(states)
        if not (counts["queued"] or counts["sending"]):
            break
        time.sleep(0.2)
    return time.monotonic() - started
