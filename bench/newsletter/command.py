"""`newsletter`: the site's whole path, publish to every row sent, against plain Django's loop."""

import argparse
import json
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.database import fresh
from bench.newsletter import ways
from bench.newsletter.content import subscribe
from bench.stand import Stand


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("newsletter", help=__doc__)
    parser.add_argument("--recipients", type=int, default=5000)
    parser.add_argument("--plain", type=int, default=500, help="mails of plain Django a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--database-url", default="", help="SQLite in a new folder without it")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Both ways alternately, in one run; the medians and their ratio."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-newsletter-"))
    with fresh(options.database_url) as url, Stand(folder, url, lease=60, fast_sink=True) as stand:
        subscribe(options.recipients)
        plain, site = [], []
        for _ in range(options.rounds):
            plain.append(ways.plain_django(stand.port, options.plain))
            site.append(ways.site(stand, options.recipients, options.workers))
    shutil.rmtree(folder)
    _tell(options, plain, site)
    return 0


def _tell(options: argparse.Namespace, plain: list[float], site: list[float]) -> None:
    import django

    told = {
        "recipients": options.recipients,
        "workers": options.workers,
        "database": "PostgreSQL" if options.database_url else "SQLite",
        "plain_django_per_second": round(median(plain), 1),
        "site_per_second": round(median(site), 1),
        "ratio": round(median(site) / median(plain), 2),
        "python": platform.python_version(),
        "django": django.get_version(),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
    }
    if options.json:
        json.dump(told, sys.stdout)
        print()
        return
    for name, value in told.items():
        print(f"{name:26} {value}")
