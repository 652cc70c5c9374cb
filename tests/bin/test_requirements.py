"""The locked requirements: each whole by itself, hashed, and without any address."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.processes import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RUNTIME = PROJECT["project"]["dependencies"]
DEVELOPMENT = PROJECT["dependency-groups"]["dev"]
FILES = {"requirements.txt": RUNTIME, "requirements-dev.txt": RUNTIME + DEVELOPMENT}


def name_of(requirement: str) -> str:
    """The normalised name, without extras and version."""
    name = re.split(r"[\[=<>~! ;]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(file: str) -> list[str]:
    """Each requirement of a locked file with its hashes, in one line."""
    text = (ROOT / file).read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("file", FILES)
def test_every_line_is_one_pinned_and_hashed_package(file: str) -> None:
    pinned = re.compile(r"[A-Za-z0-9._\[\],-]+==[^ ]+ .*--hash=sha256:[0-9a-f]{64}")

    assert [line for line in locked(file) if not pinned.match(line)] == []


@pytest.mark.parametrize("file", FILES)
def test_no_address_is_named(file: str) -> None:
    text = Path(ROOT, file).read_text("utf-8")

    assert re.findall(r"://|index-url|find-links|^-r ", text, re.MULTILINE) == []


@pytest.mark.parametrize("file", FILES)
def test_all_that_the_project_asks_for_is_locked(file: str) -> None:
    found = {name_of(line) for line in locked(file)}

    assert {name_of(wanted) for wanted in FILES[file]} - found == set()


def test_production_installs_no_tool_of_development() -> None:
    found = {name_of(line) for line in locked("requirements.txt")}

    assert {name_of(tool) for tool in DEVELOPMENT} & found == set()
