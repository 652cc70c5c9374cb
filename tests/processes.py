"""The site as it runs: gunicorn and worker as processes, with an environment of their own."""

import atexit
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from runpy import run_path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import requests
from dotenv import dotenv_values

ROOT = Path(__file__).parent.parent
PATIENCE = 60  # seconds, for a machine that does other things too


def free_port() -> int:
    """A free port below those that the kernel hands out to connections.

    One of those may be taken by a connection before the server that it is meant for has started.
    """
    while True:
        port = random.randrange(12_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def settings_with(**variables: str) -> SimpleNamespace:
    """The site's settings as they are with these variables and no others."""
    with patch.dict(os.environ, {"ENV_FILE": "", **variables}, clear=True):
        return SimpleNamespace(**run_path(str(ROOT / "site_config" / "settings.py")))


def until(true: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for something to become true; fail with its name where it doesn't."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"Waited {seconds} seconds for: {what}"
        time.sleep(0.1)


@cache
def _made_by(command: str, **variables: str) -> Path:
    """The folder of a site after one command of manage.py: each runs once, for it takes a while."""
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder)
    Site(folder, VAR_DIR=str(folder), **variables).manage(command, "--no-input", "-v0")
    return folder


class Site:
    """One installation: its folder, its environment, and the processes started in it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "site.log"
        self.database = folder / "site.sqlite3"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ENV_FILE": "",
            "PYTHONUNBUFFERED": "1",
            "PUBLISH_GRACE_SECONDS": "0",
            "SECRET_KEY": "a-key-for-one-test-" + "x" * 40,
            "PUBLIC_URL": self.url,
            "DATABASE_URL": f"sqlite:///{self.database}",
            **variables,
        }

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py to its end; what it printed. Fails where it fails."""
        return self._python("-W", "error", "manage.py", *arguments)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the site's database, which is quicker to ask than a process of its own."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query).fetchall()

    def shell(self, code: str) -> str:
        """Run Python code inside the site."""
        return self.manage("shell", "-v0", "-c", code)

    def _python(self, *arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def set_up(self) -> None:
        """Make the database: a copy of one that was migrated once."""
        shutil.copy(_made_by("migrate", DEBUG="1") / self.database.name, self.database)

    def collect_static(self) -> None:
        """Give it the static files of production, which were collected once."""
        folder = self.database.parent / "var"
        folder.mkdir()
        (folder / "static").symlink_to(_made_by("collectstatic") / "static")
        self.environment["VAR_DIR"] = str(folder)

    def set_up_demo(self) -> None:
        """Take the settings and the data that bin/demo gives it."""
        folder = self.database.parent
        subprocess.run(
            [sys.executable, "-m", "home.demo.environment", str(folder), str(self.port)],
            cwd=ROOT,
            check=True,
        )
        own = dotenv_values(folder / "demo.env")
        self.environment |= {name: value or "" for name, value in own.items()}
        self.environment |= {
            "DATABASE_URL": f"sqlite:///{self.database}",
            "VAR_DIR": str(folder),
        }
        self.set_up()
        self.manage("seed_demo", "--past")

    @contextmanager
    def running(
        self,
        *,
        workers: int = 1,
        runserver: bool = False,
        asgi: bool = False,
        sandbox: bool = False,
    ) -> Iterator["Site"]:
        """Web, workers and, if wanted, the sandbox run in the block; TERM ends them after it."""
        place = f"127.0.0.1:{self.port}"
        web = [sys.executable, "-m", "gunicorn", "--bind", place, "site_config.wsgi"]
        if runserver:
            web = [sys.executable, "manage.py", "runserver", "--noreload", place]
        if asgi:
            web = [sys.executable, "-m", "uvicorn", "--port", str(self.port)]
            web += ["site_config.asgi:application"]
        with self.log.open("ab") as log:
            processes = [
                subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
                for command in (
                    web,
                    *[[sys.executable, "-W", "error", "manage.py", "worker"]] * workers,
                    *[[sys.executable, "manage.py", "sandbox"]] * sandbox,
                )
            ]
        try:
            until(self.is_ready, f"the site to be ready, see {self.log}")
            yield self
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False
