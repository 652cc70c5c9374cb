"""The scripts on machines that lack something: they say what to do, and build nothing."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

SCRIPTS = ["_lock", "contact-sheet", "demo", "messages", "setup", "test"]
# What the scripts themselves need, and no Python.
TOOLS = ["sh", "basename", "cat", "dirname", "env", "id", "rm", "sed", "apt-get"]
OLD = """#!/bin/sh
case "$*" in
--version) echo "Python 3.11.2" ;;
*) exit 1 ;;
esac
"""
WITHOUT_VENV = f"""#!/bin/sh
case "$*" in
*ensurepip*) exit 1 ;;
--version) echo "Python 3.13.5" ;;
*) exec {sys.executable} "$@" ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The scripts in a fresh checkout, with a folder `path` of the programs that they find."""
    shutil.copytree(ROOT / "bin", tmp_path / "clone" / "bin")
    shutil.copy(ROOT / ".env.example", tmp_path / "clone")
    (tmp_path / "path").mkdir()
    for tool in TOOLS:
        place = shutil.which(tool) or "/bin/true"
        (tmp_path / "path" / tool).symlink_to(place)
    return tmp_path / "clone"


def install(clone: Path, name: str, text: str) -> None:
    program = clone.parent / "path" / name
    program.write_text(text)
    program.chmod(0o755)


def run(clone: Path, *command: str, path: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=clone,
        env={"PATH": path or str(clone.parent / "path"), "HOME": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_prints_help_and_builds_nothing(clone: Path, script: str) -> None:
    done = run(clone, f"bin/{script}", "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    ("name", "program", "words"),
    [
        ("python3", OLD, ["Python 3.12 or newer", "Python 3.11.2", "apt install python3-pip"]),
        ("python3.13", WITHOUT_VENV, ["3.13.5", "without venv", "apt install python3-venv"]),
        ("nothing", "", ["Python 3.12 or newer", "no Python", "apt install python3-venv"]),
    ],
)
@pytest.mark.parametrize("script", ["demo", "setup"])
def test_a_machine_without_a_python_that_fits_is_told_what_to_install(
    clone: Path, script: str, name: str, program: str, words: list[str]
) -> None:
    install(clone, name, program)

    done = run(clone, f"bin/{script}")

    assert done.returncode == 1
    assert [word for word in [*words, f"run bin/{script} again"] if word not in done.stderr] == []
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (clone / ".venv").exists()


def test_a_taken_port_is_noticed_before_anything_is_built(clone: Path) -> None:
    install(clone, "python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run(clone, "bin/demo", "--port", port)

    assert done.returncode == 1
    assert f"Port {port} cannot be used" in done.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    "rest",
    [
        "interrupted",
        pytest.param("without pip", marks=pytest.mark.full),
        pytest.param("its Python is gone", marks=pytest.mark.full),
    ],
)
def test_a_half_made_environment_is_made_again(clone: Path, rest: str) -> None:
    binaries = clone / ".venv" / "bin"
    binaries.mkdir(parents=True)
    if rest == "without pip":
        shutil.rmtree(clone / ".venv")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    elif rest == "its Python is gone":
        (binaries / "python").symlink_to("/nowhere/python3")

    steps = ". bin/_environment; is_whole || make_venv; .venv/bin/python -m pip --version"
    done = run(clone, "sh", "-euc", steps, path=os.environ["PATH"])

    assert done.returncode == 0, done.stderr
    assert str(clone) in done.stdout
