"""The contract under kill -9 and other accidents: `python -m tests.mailroom.crashing`."""

import argparse
import dataclasses
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

from bench.database import fresh
from tests.mailroom.crashing.account import table
from tests.mailroom.crashing.cases import CASES
from tests.mailroom.crashing.order import Order
from tests.services import BROKERS


def main() -> int:
    """Run one case; 1 where the contract is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=list(CASES), default="bulk")
    parser.add_argument("--recipients", type=int, default=500)
    parser.add_argument("--kills", type=int, default=4, help="or restarts, where servers are")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database-url", default="", help="SQLite in a new folder without it")
    parser.add_argument("--engine", choices=list(BROKERS), default="", help="Celery with a broker")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    random.seed(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="mailroom-bench-"))
    with fresh(options.database_url) as url:
        size = options.recipients, options.kills, options.workers
        verdict = CASES[options.case](Order(*size, url, options.engine, folder))
    if options.json:
        json.dump({**dataclasses.asdict(verdict.account), "faults": verdict.faults}, sys.stdout)
        print()
    else:
        print(table(f"crash, case {options.case}", verdict.account))
        for fault in verdict.faults:
            print(f"BROKEN: {fault}")
    if verdict.faults:
        print(f"What the processes wrote is in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
