"""Servers of the bench's own, which it may kill: PostgreSQL, Redis, RabbitMQ."""

import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Postgres:
    """A cluster in a folder of its own, on the loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "postgres"
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self.tools = f"{installed[-1]}/" if installed else ""

    def __enter__(self) -> Self:
        self.folder.mkdir()
        if os.getuid() == 0:  # initdb refuses root
            shutil.chown(self.folder, "postgres", "postgres")
            self.folder.parent.chmod(0o755)
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8")
        place = f"-h 127.0.0.1 -p {self.port} -k {self.folder}"
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", place, "start")
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "-m", "immediate", "stop")

    def restart(self) -> None:
        """As after a crash: nobody is asked, and what was committed is recovered."""
        self._run("pg_ctl", "-w", "-m", "immediate", "restart")

    def _run(self, tool: str, *arguments: str) -> None:
        account: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []}
        subprocess.run(
            [self.tools + tool, "-D", str(self.folder / "data"), *arguments],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,  # a pipe would stay open as long as the server runs
            stderr=subprocess.DEVNULL,
            **(account if os.getuid() == 0 else {}),
        )


class Broker(ABC):
    """A broker on the loopback, which can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "broker"
        self.folder.mkdir()
        self.port = free_port()

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env={**os.environ, **self.variables()},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for_port(self.port)

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        """As after a crash: it is killed."""
        self.stop()
        self.start()

    @property
    @abstractmethod
    def url(self) -> str:
        """For TASKS_URL."""

    @abstractmethod
    def command(self) -> list[str]:
        """What starts it in the foreground."""

    def variables(self) -> dict[str, str]:
        return {}


class Redis(Broker):
    """Forgets every task when it is killed: the worst that a broker can do."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        return ["redis-server", *place, "--save", "", "--appendonly", "no"]


class RabbitMQ(Broker):
    """Keeps its queues on disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.epmd_port = free_port()

    def start(self) -> None:
        # Erlang's port mapper: it would otherwise start one as a daemon, which nobody ends.
        port = ["-port", str(self.epmd_port), "-address", "127.0.0.1"]
        with (self.folder / "epmd").open("ab") as log:
            self.epmd = subprocess.Popen(["epmd", *port], stdout=log, stderr=log)
        wait_for_port(self.epmd_port)
        super().start()

    def stop(self) -> None:
        super().stop()
        self.epmd.kill()
        self.epmd.wait()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def command(self) -> list[str]:
        # Not the one in the path, which changes to Debian's own user.
        return ["/usr/lib/rabbitmq/bin/rabbitmq-server"]

    def variables(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"bench{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.port + 1 if self.port < 65535 else self.port - 1),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }


BROKERS: dict[str, type[Broker]] = {"redis": Redis, "rabbitmq": RabbitMQ}


def wait_for_port(port: int, seconds: float = 60) -> None:
    """Wait until something listens there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"Nothing listens on port {port}.")
