"""`webhooks`: thousands of reports at once, on a slow database: is one lost, is one slow?"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import requests

from tests.mailroom.fakes.smtp import SMTPServer
from tests.mailroom.fakes.webhooks import BASIC, Told, sparkpost
from tests.processes import Site
from tests.services import Postgres

MAILS = """
from django.utils import timezone
from mailroom.models import Delivery, Message
message = Message.objects.create(channel='newsletters', is_bulk=True)
Delivery.objects.bulk_create(
    Delivery(message=message, channel='newsletters', address=f'r{{n}}@example.com', state='sent',
             attempts=1, finished_at=timezone.now())
    for n in range({number}))
print(Delivery.objects.order_by('pk').first().pk)
"""
LIMIT_MS = 500  # at p95


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("webhooks", help=__doc__)
    parser.add_argument("--posts", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--slow-ms", type=int, default=5, help="added to each of its statements")
    parser.add_argument(
        "--database", default="", help="a URL, or sqlite; a PostgreSQL of its own without it"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Post each event once from many threads; 1 where one is lost or p95 is above the limit."""
    with SMTPServer() as server, _database(options.database) as database:
        site = _site(server.port, database, options.slow_ms)
        first = int(site.shell(MAILS.format(number=options.posts)).split()[-1])
        with site.running():
            seconds, statuses = _post_all(site.url, first, options)
            kept, handled = _handled(site, options.posts)
    p95 = quantiles(seconds, n=20)[-1] * 1000
    lost = options.posts - kept
    print(f"{options.posts} posts, {options.at_once} at once, +{options.slow_ms} ms a statement")
    print(f"median {median(seconds) * 1000:.0f} ms, p95 {p95:.0f} ms, max {max(seconds):.2f} s")
    print(f"answers {statuses}; {lost} lost; {handled} took effect")
    return 1 if lost or p95 > LIMIT_MS else 0


@contextmanager
def _database(named: str) -> Iterator[str]:
    """The URL of the database to use, "" for SQLite."""
    if named:
        yield "" if named == "sqlite" else named
        return
    folder = Path(tempfile.mkdtemp(prefix="mailroom-bench-"))
    with Postgres(folder) as cluster:
        yield cluster.url
    shutil.rmtree(folder)


def _site(port: int, database: str, slow_ms: int) -> Site:
    folder = Path(tempfile.mkdtemp(prefix="mailroom-bench-"))
    site = Site(folder, MAILER_URL=f"smtp+plain://127.0.0.1:{port}", WEBHOOK_SECRET=BASIC)
    site.set_up()
    if database:
        site.environment["DATABASE_URL"] = database
        site.manage("migrate", "-v0")
    site.collect_static()
    site.environment["DJANGO_SETTINGS_MODULE"] = "bench.webhooks.settings"
    site.environment["BENCH_SLOW_MS"] = str(slow_ms)
    return site


def _post_all(
    url: str, first: int, options: argparse.Namespace
) -> tuple[list[float], dict[int, int]]:
    def post(number: int) -> tuple[float, int]:
        told = Told("delivered", first + number, f"r{number}@example.com", id=f"e{number}")
        made = sparkpost(told)
        address = f"{url}/mail/webhooks/sparkpost/tracking/"
        started = time.perf_counter()
        answer = requests.post(address, made.body, headers=made.headers, timeout=60)
        return time.perf_counter() - started, answer.status_code

    with ThreadPoolExecutor(options.at_once) as pool:
        done = list(pool.map(post, range(options.posts)))
    statuses = [status for _, status in done]
    counts = {status: statuses.count(status) for status in set(statuses)}
    return [seconds for seconds, _ in done], counts


COUNT = """
from mailroom.models import Delivery, Event
print(Event.objects.count(), Delivery.objects.filter(feedback='delivered').count())
"""


def _handled(site: Site, wanted: int, patience: int = 180) -> tuple[int, int]:
    """Events kept, and deliveries that know of theirs, once the worker has caught up."""
    end = time.monotonic() + patience
    while True:
        kept, handled = map(int, site.shell(COUNT).split()[-2:])
        if handled >= wanted or time.monotonic() > end:
            return kept, handled
        time.sleep(2)
