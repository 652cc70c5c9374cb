"""bin/demo, as somebody at a terminal sees it."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.processes import ROOT, free_port, until


class Demo:
    """A running bin/demo with a database and a .env of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"demo-{port}.log"
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                # As in a terminal: in the background of a shell nobody hears Ctrl-C.
                ["env", "--default-signal=INT", "bin/demo", "--port", str(port)],
                cwd=ROOT,
                env={**kept, "VAR_DIR": str(folder / "var"), "ENV_FILE": str(folder / "env")},
                stdout=log,
                stderr=log,
                start_new_session=True,  # a terminal of its own, in which to press Ctrl-C
            )

    def says(self, words: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return words in self.log.read_text()

    def press_ctrl_c(self) -> int:
        """What a terminal does: SIGINT to every process in it. The exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)

    def has_orphans(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


@contextmanager
def demo(folder: Path, port: int) -> Iterator[Demo]:
    started = Demo(folder, port)
    try:
        yield started
    finally:
        if started.has_orphans():
            os.killpg(started.process.pid, signal.SIGKILL)
        started.process.wait(10)


def test_it_shows_the_site_and_stops_without_a_trace(tmp_path: Path) -> None:
    with demo(tmp_path, free_port()) as shown:
        until(lambda: shown.says("Stop with Ctrl-C"), "bin/demo to be ready", 120)
        home = requests.get(shown.url, timeout=10)
        inbox = requests.get(f"{shown.url}/inbox/", timeout=10)
        code = shown.press_ctrl_c()
        until(lambda: not shown.has_orphans(), "every process to end", 10)
        printed = shown.log.read_text()

    assert (home.status_code, inbox.status_code) == (200, 200)
    assert shown.url in printed
    assert "admin@example.com" in printed
    assert "Traceback" not in printed
    assert printed.endswith("Stopped.\n")
    assert code == 0


def test_it_says_that_a_port_is_in_use(tmp_path: Path) -> None:
    port = free_port()
    with busy(port), demo(tmp_path, port) as refused:
        code = refused.process.wait(120)

    assert code == 1
    assert f"Port {port} is in use" in refused.log.read_text()


@contextmanager
def busy(port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield


@pytest.mark.parametrize("port", ["", "http", "-1", "80000"])
def test_it_says_that_a_port_is_none(port: str) -> None:
    done = subprocess.run(
        ["bin/demo", "--port", port], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "--port needs a number" in done.stderr
