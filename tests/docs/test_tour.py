"""docs/tour.md names every file that a confirmation email passes, and README the spine."""

import re
import subprocess
import sys
from itertools import pairwise

from tests.processes import ROOT

FILE = re.compile(r"`([a-z_/]+\.py)`")
MOST_FILES, MOST_LINES = 15, 2_500


def spine() -> list[str]:
    """The files that README lists first, in reading order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Read it")[2].partition("\n## ")[0]
    return FILE.findall(section)


def test_the_tour_names_every_file_that_an_email_passes():
    command = [sys.executable, "-m", "tests.tracing"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    passed = set(re.findall(r"^[a-z_/]+\.py$", told, re.MULTILINE))

    assert {"accounts/adapter.py", "mailroom/backends/smtp/session.py"} <= passed
    assert passed <= set(FILE.findall((ROOT / "docs/tour.md").read_text(encoding="utf-8")))


def test_the_spine_can_be_read_in_an_evening():
    files = spine()

    assert 10 <= len(files) <= MOST_FILES
    assert len(set(files)) == len(files)
    assert sum(len((ROOT / file).read_text().splitlines()) for file in files) <= MOST_LINES


def test_names_of_the_tour_exist():
    text = (ROOT / "docs/tour.md").read_text(encoding="utf-8").partition("## Where is")[2]
    names = re.findall(r"`([A-Za-z_./]+)`", text)
    for first, second in pairwise(names):
        if second.endswith(".py") and not first.endswith(".py"):
            own = first.rpartition(".")[2]
            code = (ROOT / second).read_text(encoding="utf-8")
            assert re.search(rf"(def|class) {own}\b|^{own}\b", code, re.M), (first, second)
