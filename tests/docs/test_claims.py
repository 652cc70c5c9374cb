"""docs/claims.md names only what exists; its bench commands are tried in test_commands.py."""

import re

import pytest

from tests.processes import ROOT

CLAIMS = (ROOT / "docs" / "claims.md").read_text()
ROWS = re.findall(r"^\| (?!claim|-)(.+?) \| (.+) \|$", CLAIMS, re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@pytest.mark.parametrize(("claim", "shown_by"), ROWS)
def test_what_shows_a_claim_exists(claim, shown_by):
    tests = TEST.findall(shown_by)

    assert tests or "bench/bench.py" in shown_by
    for path, name in tests:
        assert f"def {name}(" in (ROOT / path).read_text(), f"{path} has no {name}"


def test_security_promises_only_what_a_named_test_holds():
    text = (ROOT / "SECURITY.md").read_text().partition("What the project promises")[2]
    promises = re.split(r"^ *\* ", text.rpartition("\n\n")[0], flags=re.MULTILINE)[1:]
    assert len(promises) > 15

    for promise in promises:
        tests = TEST.findall(promise)
        assert tests or promise.rstrip().endswith(":"), promise
        for path, name in tests:
            assert f"def {name}(" in (ROOT / path).read_text(), f"{path} has no {name}"
