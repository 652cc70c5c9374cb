"""What the documents tell people to type can be typed."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from bench.bench import parser as bench_parser
from tests.processes import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
INDENTED = re.compile(r"^    (\S.*?)(?: {3,}.*)?$", re.MULTILINE)  # the command, and what it does
QUOTED = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?<![\w/])(?:bench/bench\.py|manage\.py|bin/\w[\w-]*)(?: .*)?$")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[\w-]+)?\)")


def told() -> set[tuple[str, str]]:
    """Each command of the documents, with the page that names it."""
    found = set()
    for page in PAGES:
        text = page.read_text()
        blocks = SHELL.findall(text)
        lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
        for line in [*lines, *QUOTED.findall(text), *INDENTED.findall(text)]:
            for part in re.split(r"&&|\|", line):
                if command := COMMAND.search(part):
                    found.add((page.name, command[0].strip()))
    return found


@pytest.mark.parametrize(("document", "line"), sorted(told()))
def test_a_command_is_there_and_takes_its_options(document, line):
    program, *arguments = [word for word in words_of(line) if word != "…"]

    if program == "manage.py":
        assert_managed(arguments)
    elif program == "bench/bench.py":
        assert_parses(bench_parser(), arguments)
    else:
        script = (ROOT / program).read_text()
        assert [one for one in arguments if one.startswith("--") and one not in script] == []


def words_of(line: str) -> list[str]:
    """As a shell would split it; a quotation that goes on in the next line is left out."""
    return shlex.split(line if line.count('"') % 2 == 0 else line[: line.index('"')], comments=True)


def assert_managed(arguments: list[str]) -> None:
    name, *rest = arguments
    assert name in get_commands(), f"there is no command {name}"
    command = load_command_class(get_commands()[name], name)
    help_text = command.create_parser("manage.py", name).format_help()
    options = re.findall(r"^--[a-z-]+", "\n".join(rest), re.MULTILINE)
    assert [option for option in options if option not in help_text] == []


def assert_parses(parser, arguments: list[str]) -> None:
    if {"SUBCOMMAND"} & set(arguments) or not arguments:
        return
    known = [one for one in arguments if not re.search(r"[\[\]…]", one)]
    try:
        parser.parse_args(known)
    except SystemExit as refusal:
        pytest.fail(f"bench refuses {' '.join(known)}: {refusal}")


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_its_shell_blocks_can_be_read_by_a_shell(document):
    for block in SHELL.findall(document.read_text()):
        done = subprocess.run(
            ["sh", "-n"], input=block, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{done.stderr}\n{block}"


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_its_links_lead_somewhere(document):
    links = LINK.findall(document.read_text())

    assert [link for link in links if not Path(document.parent, link).exists()] == []
