"""Running the crash cases from tests, on the database that the tests run on."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.processes import ROOT

DATABASE_URL = os.environ.get("DATABASE_URL", "")  # SQLite in a new folder without it
IS_POSTGRES = DATABASE_URL.startswith("postgres")
once = pytest.mark.skipif(IS_POSTGRES, reason="the database plays no part: SQLite is enough")


def crash(case: str, **options: object) -> SimpleNamespace:
    """Run a case to its end; what it counted, and `faults`: the sentences of the contract it broke.

    options: those of `python -m tests.mailroom.crashing`.
    """
    told = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "tests.mailroom.crashing", "--json", f"--case={case}", *told]
    command.append(f"--database-url={DATABASE_URL}")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return SimpleNamespace(**json.loads(done.stdout))


def at(small: object, *, full: int) -> pytest.MarkDecorator:
    """Run with so many `recipients`, and under --full with as many as the contract states."""
    sizes = [small, pytest.param(full, marks=pytest.mark.full)]
    return pytest.mark.parametrize("recipients", sizes)


def kills_at(small: tuple[int, int], *, full: tuple[int, int]) -> pytest.MarkDecorator:
    """Run with so many `recipients` and `kills`, and under --full with the contract's."""
    sizes = [small, pytest.param(*full, marks=pytest.mark.full)]
    return pytest.mark.parametrize(("recipients", "kills"), sizes)
