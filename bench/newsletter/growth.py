"""`growth`: what a mail costs and what a worker needs when a list grows."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.newsletter import ways
from bench.newsletter.content import subscribe
from bench.newsletter.told import tell
from bench.stand import ROOT, Stand

CPU, PEAK = "CPU microseconds a mail", "worker's peak in MiB"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("growth", help=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 50_000, 500_000])
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """One list after the other, each with a process, a database and a worker of its own."""
    if len(options.sizes) == 1:
        found = _one(options.sizes[0])
    else:
        each = {size: _elsewhere(size) for size in options.sizes}
        found = {
            f"{size}: {name}": value for size, one in each.items() for name, value in one.items()
        }
        first, last = each[options.sizes[0]], each[options.sizes[-1]]
        found["memory grows by %"] = round(100 * (last[PEAK] / first[PEAK] - 1), 1)
        found["a mail's cost grows by %"] = round(100 * (last[CPU] / first[CPU] - 1), 1)
    tell(found, as_json=options.json)
    return 0


def _one(size: int) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(prefix="mailroom-growth-"))
    with Stand(folder, lease=60, fast_sink=True) as stand:
        subscribe(size)
        sending = ways.site(stand, size, workers=1)
    shutil.rmtree(folder)
    return {
        "queued after s": round(sending.queued, 2),
        "mails a second": round(sending.rate),
        CPU: round(1_000_000 * sending.cpu / size),
        PEAK: round(sending.peak, 1),
    }


def _elsewhere(size: int) -> dict[str, float]:
    """In a process of its own: Django's settings, which name the database, are read once."""
    again = [sys.executable, str(ROOT / "bench/bench.py"), "growth", "--json", "--sizes", str(size)]
    told = json.loads(subprocess.run(again, check=True, capture_output=True).stdout)
    return {name: told[name] for name in ("queued after s", "mails a second", CPU, PEAK)}
