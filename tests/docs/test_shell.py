"""What else the documents have a shell do: run here, or excused by name."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.test_commands import PAGES, SHELL
from tests.processes import ROOT, Site

BLOCKS = [(page.name, block) for page in PAGES for block in SHELL.findall(page.read_text())]
COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)
ASSIGNMENT = re.compile(r"[A-Z_]+=")
OURS = re.compile(r"manage\.py|bench/bench\.py|bin/[\w-]+")  # those of test_running.py

A_MACHINE = "needs root on a machine of its own; tests/deploy/ try its units and its proxy"
# By page: what is not run here, and why.
EXCUSED = {
    "deploy.md": (
        "adduser createuser createdb git cd mkdir venv pip install chown cp sh set . exit"
        " systemctl docker",
        A_MACHINE,
    ),
    "README.md": (".", "activates what bin/setup made, as bin/test does"),
    "operate.md": ("pg_dump pg_restore", "tests/deploy/test_restoring.py types them"),
}
# In running text, where no block says that it is a command.
IN_PROSE = re.compile(r"`((?:curl|docker|git|heroku|pip|pre-commit|psql|sudo|systemctl) [^`]+)`")
EXCUSED_PROSE = {
    "git": "deploys, from a clone that has somewhere to go",
    "heroku": "needs an account there",
    "pip": "tests/package/ types it",
    "pre-commit": "gets its hooks from the internet",
    "systemctl": A_MACHINE,
}


def commands(block: str) -> Iterator[list[str]]:
    """The words of each command of a block, without what stands before the program's name."""
    lexer = shlex.shlex(
        COMMENT.sub("", block.replace("\\\n", " ")), posix=True, punctuation_chars="&;|\n"
    )
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    words: list[str] = []
    for word in [*lexer, "\n"]:
        if word.strip("&;|\n"):
            words.append(word)
        elif words:
            yield words
            words = []


def program(words: list[str]) -> str:
    """What is run: without assignments before it, sudo, and Python with its -m."""
    rest = " ".join(words)
    for before in (
        r"(?:[A-Z_]+=\S+ )+",
        r"sudo (?:-u \w+ )?",
        r"(?:\S*/)?python3? (?:-m )?",
        r"\.venv/bin/",
    ):
        rest = re.sub(f"^{before}", "", rest)
    return rest.split()[0]


def sets_variables(block: str) -> bool:
    return all(ASSIGNMENT.match(words[0]) and len(words) == 1 for words in commands(block))


def test_each_command_of_a_block_is_run_or_excused():
    found: dict[str, set[str]] = {}
    for page, block in BLOCKS:
        if not sets_variables(block):
            found.setdefault(page, set()).update(map(program, commands(block)))
    others = {
        page: {one for one in names if not OURS.fullmatch(one)} for page, names in found.items()
    }

    assert {page: names for page, names in others.items() if names} == {
        page: set(names.split()) for page, (names, _) in EXCUSED.items()
    }


def test_those_of_running_text_are_excused():
    lines = [line for page in PAGES for line in IN_PROSE.findall(page.read_text())]

    assert {line.split()[0] for line in lines} == {*EXCUSED_PROSE}


def test_what_is_copied_to_a_machine_is_there():
    names = [
        word
        for page, block in BLOCKS
        if page == "deploy.md"
        for words in commands(block)
        for word in words
    ]
    ours = [name for name in names if re.match(r"deploy/|requirements|\.env\.", name)]

    assert ours
    assert [name for name in ours if not list(ROOT.glob(name))] == []


@pytest.mark.parametrize("block", [block for _, block in BLOCKS if sets_variables(block)])
def test_variables_carry_mail_as_they_stand_there(block, tmp_path: Path):
    site = Site(tmp_path, DEBUG="1", VAR_DIR=str(tmp_path / "var"))
    line = f"set -a\n{block}\nexec '{sys.executable}' -W error manage.py mailers"

    done = subprocess.run(
        ["sh", "-euc", line],
        cwd=ROOT,
        env=site.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    for scheme in re.findall(r"(\w+)://", block):
        assert f"{scheme}://" in done.stdout
