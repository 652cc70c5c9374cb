"""The library in an environment with nothing but its core, built once for all tests."""

import fcntl
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.package.host import Environment, Host, sources


@pytest.fixture(scope="session")
def core(tmp_path_factory) -> Environment:
    """`pip install ./mailroom`, in an empty environment: as the README says."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "gw" in base.name or "popen" in base.name else base
    folder = shared / "core"
    with (shared / "core.lock").open("w") as lock:  # pytest-xdist has several sessions
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = Environment(folder)
        if not (folder / "installed").exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            place = sources(tmp_path_factory.mktemp("checkout")).parent
            environment.run("pip", "install", "-q", "./mailroom", cwd=place)
            (folder / "installed").touch()
    return environment


@pytest.fixture
def host(core, tmp_path) -> Callable[[str], Host]:
    """Makes a project with these lines in its settings."""
    return lambda settings: Host(core, tmp_path / "host", settings)


@pytest.fixture
def smtp():
    from tests.mailroom.fakes.smtp import Script, SMTPServer

    with SMTPServer(Script()) as server:
        yield server
