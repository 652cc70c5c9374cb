"""A test stand: a folder, a database, a mail server and workers, all real processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.services import BROKERS, free_port, wait_for_port

ROOT = Path(__file__).resolve().parent.parent


class Stand:
    """Everything one case needs, in `folder`.

    lease: seconds; behave: how the mail server misbehaves; engine: a broker to start, for Celery.
    fast_sink: a mail server that writes nothing down, where there is one. round_trip: seconds to
    it and back. mailer_url: another mailer; mailer_options: of the mail server's URL. variables:
    added to the site's environment.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str = "",
        *,
        engine: str = "",
        lease: int = 3,
        behave: dict[str, Any] | None = None,
        fast_sink: bool = False,
        round_trip: float = 0,
        mailer_url: str = "",
        mailer_options: str = "",
        variables: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.port = self.sink_port = free_port()
        self.round_trip = round_trip
        if round_trip:
            self.port = free_port()
        mailer_url = mailer_url or f"smtp+plain://127.0.0.1:{self.port}{mailer_options}"
        self.log = folder / "accepted.jsonl"
        self.log.touch()
        self.workers: list[subprocess.Popen[bytes]] = []
        self.webs: list[subprocess.Popen[bytes]] = []
        self.broker = BROKERS[engine](folder) if engine else None
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "ENV_FILE": "",
            "VAR_DIR": str(folder),
            "SECRET_KEY": "of-benches-only-Q2w9Zr4Lk8Vb7x1Nc5Td",
            "PUBLIC_URL": "http://127.0.0.1:1",
            "DATABASE_URL": database_url or f"sqlite:///{folder / 'bench.sqlite3'}",
            "TASKS_URL": self.broker.url if self.broker else "",
            "MAILER_URL": mailer_url,
            "WEBHOOK_SECRET": "bench:a-password-for-the-bench",
            "WEBHOOK_KEY_MAILGUN": "bench",
            "MAIL_LEASE_SECONDS": str(lease),
            "MAIL_RETRY_SECONDS": "0.5",
            "DJANGO_SETTINGS_MODULE": "bench.settings",
            "PYTHONPATH": str(ROOT),
            **(variables or {}),
        }
        self.behave = behave or {}
        self.fast_sink = fast_sink and shutil.which("smtp-sink")

    def __enter__(self) -> Self:
        import django
        from django.core.management import call_command

        os.environ.clear()
        os.environ.update(self.environment)
        django.setup()
        call_command("migrate", verbosity=0)
        if self.broker:
            self.broker.start()
        self.others = [self._start_sink()]
        wait_for_port(self.sink_port)
        if self.round_trip:
            told = ["--port", str(self.port), "--to", str(self.sink_port)]
            self.others.append(
                self.start("bench/far.py", *told, "--round-trip", str(self.round_trip))
            )
            wait_for_port(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        from django.db import connections

        connections.close_all()
        for process in [*self.workers, *self.webs, *self.others]:
            end(process)
        if self.broker:
            self.broker.stop()

    def _start_sink(self) -> subprocess.Popen[bytes]:
        """Postfix's own sink, in C, where only speed counts; ours, which writes down all, else."""
        if self.fast_sink:
            as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
            return self._run([self.fast_sink, *as_nobody, f"127.0.0.1:{self.sink_port}", "100"])
        told = ["--port", str(self.sink_port), "--log", str(self.log)]
        return self.start(
            "tests/mailroom/fakes/sink.py", *told, "--behave", json.dumps(self.behave)
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a Python program beside the site."""
        return self._run([sys.executable, *arguments])

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log.txt").open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,  # with its children, one group to kill
            )

    def start_worker(self) -> None:
        self.workers.append(self.start("manage.py", "worker"))

    def died(self) -> bool:
        """True where a worker ended that nobody asked to; what it wrote is in log.txt."""
        return any(worker.poll() is not None for worker in self.workers)

    def peak_memory(self, worker: subprocess.Popen[bytes]) -> float:
        """The most memory that a worker had so far, in MiB."""
        status = Path(f"/proc/{worker.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def cpu_seconds(self) -> float:
        """What the workers have used of the processor so far."""
        ticks = 0
        for worker in self.workers:
            fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # proc(5): utime, stime
        return ticks / os.sysconf("SC_CLK_TCK")

    def kill_worker(self, index: int) -> None:
        """As a machine that loses its power: the worker and its children at once."""
        end(self.workers.pop(index))

    def ask_all_to_stop(self) -> None:
        """SIGTERM to every process of the site, twice; return when all have ended."""
        processes = [*self.workers, *self.webs]
        for _ in range(2):
            for process in processes:
                process.terminate()
        for process in processes:
            process.wait(60)
        self.workers.clear()
        self.webs.clear()

    def start_website(self, *arguments: str) -> str:
        """Gunicorn serves the site; its URL."""
        port = free_port()
        place = ["--bind", f"127.0.0.1:{port}", "--access-logfile", "/dev/null"]
        self.webs.append(self.start("-m", "gunicorn", *place, *arguments, "site_config.wsgi"))
        wait_for_port(port)
        return f"http://127.0.0.1:{port}"

    def accepted(self) -> list[dict[str, Any]]:
        """What the server accepted: Message-ID and recipients of each mail."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]

    def accepted_count(self) -> int:
        with self.log.open("rb") as log:
            return sum(1 for _ in log)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started in a session of its own, with its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
