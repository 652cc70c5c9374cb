"""`newsletter`: the site's whole path, publish to every row sent, against plain Django's loop."""

import argparse
import shutil
import tempfile
from pathlib import Path
from statistics import median

from bench.database import fresh
from bench.newsletter import ways
from bench.newsletter.content import subscribe
from bench.newsletter.told import tell
from bench.stand import Stand

ROUTER = "mailroom.outbox.routing.ByOwner"
ALONE = "the site without a router"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("newsletter", help=__doc__)
    parser.add_argument("--recipients", type=int, default=5000)
    parser.add_argument("--plain", type=int, default=500, help="mails of plain Django a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--connections", type=int, default=4, help="a worker's, to the mail server")
    parser.add_argument("--far", type=float, default=0, help="the mail server's round trip in ms")
    parser.add_argument("--against", choices=["django", "smtp-source"], default="django")
    parser.add_argument("--database-url", default="", help="SQLite in a new folder without it")
    parser.add_argument("--ascii", action="store_true", help="a text without a single accent")
    parser.add_argument(
        "--router", action="store_true", help="with one that has no opinion, against the site alone"
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Both ways alternately, in one run; the medians and their ratio."""
    against = ALONE if options.router else options.against
    folder = Path(tempfile.mkdtemp(prefix="mailroom-newsletter-"))
    with fresh(options.database_url) as url:
        stand = Stand(
            folder,
            url,
            lease=60,
            fast_sink=True,
            round_trip=options.far / 1000,
            mailer_options=f"?connections={options.connections}",
        )
        with stand:
            subscribe(options.recipients, ascii_only=options.ascii)
            other, site = [], []
            if options.router:
                _site(options, stand, "")  # the first one finds nothing in any cache
            for number in range(options.rounds):
                measures = [
                    lambda: other.append(_other(options, stand)),
                    lambda: site.append(_site(options, stand, ROUTER if options.router else "")),
                ]
                # Each begins as often as the other: the database grows, the machine warms up.
                for measure in measures if number % 2 else reversed(measures):
                    measure()
    shutil.rmtree(folder)
    found = {
        "recipients": options.recipients,
        "workers": options.workers,
        "connections a worker": options.connections,
        "round trip in ms": options.far,
        "text": "ASCII" if options.ascii else "with typographic characters",
        "database": "PostgreSQL" if options.database_url else "SQLite",
        f"{against} a second": round(median(other), 1),
        "site a second": round(median(site), 1),
        "ratio": round(_ratio(site, other, pairwise=options.router), 3),
    }
    tell(found, as_json=options.json)
    return 0


def _ratio(site: list[float], other: list[float], *, pairwise: bool) -> float:
    """The ratio of the medians; pairwise, for small differences, the median of the ratios."""
    if pairwise:
        return median(ours / theirs for ours, theirs in zip(site, other, strict=True))
    return median(site) / median(other)


def _other(options: argparse.Namespace, stand: Stand) -> float:
    if options.router:
        return _site(options, stand, "")
    if options.against == "smtp-source":
        return ways.smtp_source(stand.port, options.recipients)
    return ways.plain_django(stand.port, options.plain)


def _site(options: argparse.Namespace, stand: Stand, router: str) -> float:
    """The site's rate; router: its dotted path, in the workers and in this process, or ""."""
    from django.test import override_settings

    stand.environment["MAILROOM_ROUTERS"] = router
    with override_settings(MAILROOM_ROUTERS=[router] if router else []):
        return ways.site(stand, options.recipients, options.workers).rate
