"""`crash`: the contract under kill -9 and other accidents."""

import argparse
import dataclasses
import json
import random
import sys

from bench.crash.account import table


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    from bench.crash.cases import CASES

    parser = commands.add_parser("crash", help=__doc__)
    parser.add_argument("--case", choices=list(CASES), default="bulk")
    parser.add_argument("--recipients", type=int, default=500)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database-url", default="", help="SQLite in a new folder without it")
    parser.add_argument("--engine", default="", help="a broker's URL for Celery")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run one case; 1 where the contract is broken."""
    import os

    from bench.crash.cases import CASES, Order
    from bench.database import fresh

    random.seed(options.seed)
    if options.engine:
        os.environ["TASKS_URL"] = options.engine
    order = Order(options.recipients, options.kills, options.workers, fresh(options.database_url))
    verdict = CASES[options.case](order)
    if options.json:
        json.dump({**dataclasses.asdict(verdict.account), "faults": verdict.faults}, sys.stdout)
        print()
    else:
        print(table(f"crash, case {options.case}", verdict.account))
        for fault in verdict.faults:
            print(f"BROKEN: {fault}")
    return 1 if verdict.faults else 0
