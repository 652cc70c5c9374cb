"""`table`: every figure that is promised, each with its bound; 1 where one is missed."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.newsletter.told import machine
from bench.stand import ROOT
from tests.services import Postgres

PG = "{postgres}"


class Row(NamedTuple):
    """A promise. command: of bench.py; quick: its options for a first look.

    key: of what the command tells, which must be at least, or at most, `bound`.
    """

    name: str
    command: str
    quick: str
    key: str
    is_kept: Callable[[float, float], bool]
    bound: float


def at_least(value: float, bound: float) -> bool:
    return value >= bound


def at_most(value: float, bound: float) -> bool:
    return value <= bound


NEWS, ONCE = "newsletter --recipients 5000", "--rounds 1"
ON_POSTGRES = f"{NEWS} --workers 2 --database-url {PG}"
FAR = f"{NEWS} --far 20 --connections 16 --plain 100"
SOURCE = f"{NEWS} --against smtp-source --connections 16"
ROUTED = f"{NEWS} --router --rounds 9"
MAILGUN, SES = "api mailgun --recipients 10000", "api ses"
GROWTH, GROW = "growth --sizes 5000 50000 500000", "--sizes 5000 20000"
CLICK = "queueing --recipients 100000"
EVERYDAY, FEW = f"--database-url {PG}", "--deliveries 10000"
ROWS = (
    Row("SQLite, one worker ÷ Django", NEWS, ONCE, "ratio", at_least, 16.5),
    Row("PostgreSQL, two workers ÷ Django", ON_POSTGRES, ONCE, "ratio", at_least, 15),
    Row("20 ms away ÷ Django", FAR, "--plain 30 --rounds 1", "ratio", at_least, 30),
    Row("Mailgun ÷ a call a mail", MAILGUN, "--plain 20 --rounds 1", "ratio", at_least, 300),
    Row("SES ÷ a call a mail", SES, "--recipients 1000 --rounds 1", "ratio", at_least, 12),
    Row("one worker ÷ smtp-source", SOURCE, ONCE, "ratio", at_least, 0.7),
    Row("with a router ÷ without", ROUTED, ONCE, "ratio", at_least, 0.97),
    Row("memory grows by %", GROWTH, GROW, "memory grows by %", at_most, 10),
    Row("a mail's cost grows by %", GROWTH, GROW, "a mail's cost grows by %", at_most, 15),
    Row("publish, answer in ms", CLICK, "--resets 25", "click to answer in ms", at_most, 1000),
    Row("a reset meanwhile, p95 in s", CLICK, "--resets 25", "p95 of a reset in s", at_most, 5),
    Row("idle, SQLite, statements/s", "idle", "--seconds 10", "statements a second", at_most, 2),
    Row("idle, PostgreSQL", f"idle {EVERYDAY}", "--seconds 10", "statements a second", at_most, 1),
    Row("idle, share of a core in %", "idle", "--seconds 10", "share of a core in %", at_most, 1),
    Row("send() to accepted, p95 in ms", f"accepted {EVERYDAY}", "", "p95 in ms", at_most, 100),
    Row("home page, 1,000,000 ÷ none", f"home {EVERYDAY}", FEW, "ratio", at_most, 1.2),
)


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("table", help=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes and one round each")
    parser.add_argument("--only", default="", help="rows whose name holds this text")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Each command in a process of its own, once, however many rows read its figures."""
    if missing := _missing_tools():
        print(f"Missing: {', '.join(missing)}. Install {' '.join(missing.values())}.")
        return 1
    told: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    with _postgres() as postgres:
        for row in ROWS:
            if options.only not in row.name:
                continue
            command = f"{row.command} {row.quick}" if options.quick else row.command
            if command not in told:
                told[command] = _ask(command.replace(PG, postgres))
            value = told[command].get(row.key)
            kept = value is not None and row.is_kept(value, row.bound)
            sign = "≥" if row.is_kept is at_least else "≤"
            rows.append(
                {"row": row.name, "bound": f"{sign} {row.bound}", "found": value, "kept": kept}
            )
            if not options.json:
                print(_line(rows[-1]), flush=True)
    if options.json:
        json.dump({"rows": rows, "commands": told, **machine()}, sys.stdout)
        print()
    else:
        print("\n".join(f"{name:10} {value}" for name, value in machine().items()))
    return 0 if all(row["kept"] for row in rows) else 1


TOOLS = {"smtp-sink": "postfix", "smtp-source": "postfix", "initdb": "postgresql"}


def _missing_tools() -> dict[str, str]:
    """The tools that rows need and that are not there, each with its Debian package.

    Where apt-get may be used, it is asked to install them first.
    """
    missing = {name: package for name, package in TOOLS.items() if not _find(name)}
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = sorted(set(missing.values()))
        print(f"Installing {' '.join(packages)} …", file=sys.stderr)
        quiet = {"DEBIAN_FRONTEND": "noninteractive", "PATH": os.environ["PATH"]}
        command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
        subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False)
        missing = {name: package for name, package in missing.items() if not _find(name)}
    return missing


def _find(name: str) -> bool:
    """PostgreSQL's own tools are outside the path in Debian."""
    return bool(shutil.which(name) or list(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))


def _line(row: dict[str, Any]) -> str:
    said = "kept" if row["kept"] else "MISSED"
    found = "failed" if row["found"] is None else row["found"]
    return f"{row['row']:40} {row['bound']:>8} {found:>9}  {said}"


def _ask(command: str) -> dict[str, Any]:
    """What a command tells; nothing where it fails, which it says itself."""
    told = subprocess.run(
        [sys.executable, str(ROOT / "bench/bench.py"), *command.split(), "--json"],
        stdout=subprocess.PIPE,
        check=False,
    )
    found: dict[str, Any] = json.loads(told.stdout) if told.returncode == 0 else {}
    return found


@contextmanager
def _postgres() -> Iterator[str]:
    """A cluster for this run, and its URL."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-table-"))
    try:
        with Postgres(folder) as cluster:
            yield cluster.url
    finally:
        shutil.rmtree(folder, ignore_errors=True)
