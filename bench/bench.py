"""The benchmark: `python bench/bench.py SUBCOMMAND`."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

try:
    from bench import everyday, inbox, mixed, preview, table
    from bench.enumeration import command as enumeration
    from bench.newsletter import api, growth, queueing
    from bench.newsletter import command as newsletter
    from bench.pages import command as pages
    from bench.webhooks import command as webhooks
except ModuleNotFoundError as error:
    sys.exit(f"Missing: {error.name}. Run bin/setup, then: . .venv/bin/activate")

CASES = (
    table,
    enumeration,
    newsletter,
    api,
    growth,
    queueing,
    pages,
    everyday,
    inbox,
    mixed,
    preview,
    webhooks,
)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__)
    commands = found.add_subparsers(required=True)
    for case in CASES:
        case.add_to(commands)
    return found


def main() -> int:
    options = parser().parse_args()
    result: int = options.run(options)
    return result


if __name__ == "__main__":
    sys.exit(main())
