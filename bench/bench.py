"""The benchmark and the crash tables: `python bench/bench.py SUBCOMMAND`."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.crash import command as crash
from bench.enumeration import command as enumeration
from bench.newsletter import api, growth
from bench.newsletter import command as newsletter
from bench.notifications import command as notifications
from bench.pages import command as pages
from bench.webhooks import command as webhooks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    crash.add_to(commands)
    enumeration.add_to(commands)
    newsletter.add_to(commands)
    api.add_to(commands)
    growth.add_to(commands)
    webhooks.add_to(commands)
    pages.add_to(commands)
    notifications.add_to(commands)
    options = parser.parse_args()
    result: int = options.run(options)
    return result


if __name__ == "__main__":
    sys.exit(main())
