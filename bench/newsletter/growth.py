"""`growth`: what a mail costs and what a worker needs when a list grows."""

import argparse
import shutil
import tempfile
from pathlib import Path

from bench.newsletter import ways
from bench.newsletter.content import subscribe
from bench.newsletter.told import tell
from bench.stand import Stand


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("growth", help=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 50_000, 500_000])
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """One list after the other, each on a new database and with a new worker."""
    found: dict[str, object] = {}
    for size in options.sizes:
        folder = Path(tempfile.mkdtemp(prefix="mailroom-growth-"))
        with Stand(folder, lease=60, fast_sink=True) as stand:
            subscribe(size)
            sending = ways.site(stand, size, workers=1)
            found[f"{size}: click in ms"] = round(sending.click * 1000)
            found[f"{size}: queued after s"] = round(sending.queued, 2)
            found[f"{size}: microseconds a mail"] = round(1_000_000 / sending.rate)
            found[f"{size}: worker's peak in MiB"] = round(sending.peak, 1)
        shutil.rmtree(folder)
    tell(found, as_json=options.json)
    return 0
