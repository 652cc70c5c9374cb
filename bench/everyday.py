"""What the site costs, and how quick it is, on a day on which little happens.

idle      statements a second and share of a core of a worker that has nothing to do
accepted  from `send()` in another process until the mail server accepted one email
home      the home page with a full outbox, against the same with an empty one
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.database import fresh
from bench.newsletter.told import tell
from bench.stand import Stand
from bench.waiting import median_ms, wait_until

Figures = dict[str, Any]
FILL = """
INSERT INTO mailroom_delivery (message_id, channel, route, address, address_key, name, values,
    state, reason, error, attempts, created_at, not_before, finished_at, leased_by, alias,
    provider_id, feedback)
SELECT %s, 'newsletters', 'none', n || '@example.com', n || '@example.com', '', '{}', 'sent',
    '', '', 1, now(), now(), now() - n * interval '1 second', '', 'none', '', ''
FROM generate_series(1, %s) AS n
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for name, measure in {"idle": idle, "accepted": accepted, "home": home}.items():
        parser = commands.add_parser(name, help=measure.__doc__)
        parser.add_argument("--database-url", default="", help="SQLite in a new folder without it")
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run, measure=measure)
        if measure is idle:
            parser.add_argument("--seconds", type=float, default=60)
        else:
            parser.add_argument("--rounds", type=int, default=100)
        if measure is home:
            parser.add_argument("--deliveries", type=int, default=1_000_000)


def run(options: argparse.Namespace) -> int:
    """Measure on a stand of its own, and say what was found."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-everyday-"))
    # Only there: to count costs time, which the others measure.
    counts = options.measure is idle
    variables = {"COUNT_STATEMENTS_IN": str(folder / "statements")} if counts else {}
    with fresh(options.database_url) as url, Stand(folder, url, variables=variables) as stand:
        found = options.measure(stand, options)
    shutil.rmtree(folder)
    kind = "PostgreSQL" if options.database_url else "SQLite"
    tell({"database": kind, **found}, as_json=options.json)
    return 0


def idle(stand: Stand, options: argparse.Namespace) -> Figures:
    """`idle`: what a worker costs that has nothing to do, its periodic jobs included."""
    counted = stand.folder / "statements"
    with _worker(stand):
        time.sleep(5)  # what every worker does once
        before, cpu = counted.stat().st_size, stand.cpu_seconds()
        time.sleep(options.seconds)
        asked, used = counted.stat().st_size - before, stand.cpu_seconds() - cpu
    return {
        "statements a second": round(asked / options.seconds, 2),
        "share of a core in %": round(100 * used / options.seconds, 2),
    }


def accepted(stand: Stand, options: argparse.Namespace) -> Figures:
    """`accepted`: from `send()` until the mail server accepted it, one email after the other."""
    from django.core.mail import send_mail

    took = []
    with _worker(stand):
        for number in range(options.rounds + 1):
            time.sleep(0.2)  # an idle site: nothing is under way
            begun = time.perf_counter()
            send_mail("Your code", "It is 4711.", None, [f"{number}@example.com"])
            wait_until(lambda n=number: stand.accepted_count() > n, 60, every=0.001)
            took.append(1000 * (time.perf_counter() - begun))
    found = sorted(took[1:])  # the first opens what stays open
    return {"median in ms": round(median(found)), "p95 in ms": round(quantiles(found, n=20)[-1])}


def home(stand: Stand, options: argparse.Namespace) -> Figures:
    """`home`: the home page with a full outbox ÷ the same with an empty one."""
    from django.core.mail import EmailMessage
    from django.db import connection
    from django.test import Client

    from mailroom.outbox import freeze

    def page() -> None:
        answer = Client().get("/", headers={"host": "127.0.0.1"})
        assert answer.status_code == 200, answer.content[:500]

    message = freeze(EmailMessage("News", "News", to=[]), "newsletters")
    empty = median_ms(page, options.rounds)
    with connection.cursor() as cursor:
        cursor.execute(FILL, [message.pk, options.deliveries])
        cursor.execute("ANALYZE")
    full = median_ms(page, options.rounds)
    return {"empty in ms": empty, "full in ms": full, "ratio": round(full / empty, 2)}


@contextmanager
def _worker(stand: Stand) -> Iterator[None]:
    from mailroom.models import WorkerBeat

    stand.start_worker()
    assert wait_until(lambda: WorkerBeat.alive().exists(), 60), f"see {stand.folder}/log.txt"
    yield
    stand.ask_all_to_stop()
