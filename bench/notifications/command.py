"""`notifications`: a large audience in bounded memory, and a page of a large inbox.

The announcement is told to a tenth of the audience first: what the rest needs beyond that in memory
would grow with the audience, and its queries are counted for each batch.
"""

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.database import fresh
from bench.stand import Stand


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("notifications", help=__doc__)
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--inbox", type=int, default=50_000, help="rows of one user's inbox")
    parser.add_argument("--database-url", default="", help="SQLite in a new folder without it")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    folder = Path(tempfile.mkdtemp(prefix="mailroom-notifications-"))
    with fresh(options.database_url) as url, Stand(folder, url):
        _people(options.recipients)
        told = _audience(options.recipients) | _inbox(options.inbox)
    shutil.rmtree(folder)
    database = "PostgreSQL" if options.database_url else "SQLite"
    _tell({"database": database, **told}, as_json=options.json)
    return 0


def _people(number: int) -> None:
    from allauth.account.models import EmailAddress
    from django.contrib.auth import get_user_model

    user = get_user_model()
    for start in range(0, number, 1000):
        names = range(start, min(start + 1000, number))
        users = user.objects.bulk_create(user(email=f"p{n}@example.com") for n in names)
        EmailAddress.objects.bulk_create(
            EmailAddress(user=one, email=one.email, verified=True, primary=True) for one in users
        )


def _audience(number: int) -> dict[str, Any]:
    """Tell a tenth, then the rest; peak memory after each, and the queries of a batch."""
    from django.contrib.auth import get_user_model

    from notifications.models import Announcement
    from notifications.notify import BATCH, notify

    row = Announcement.objects.create(title="We moved", body="To a **new** house.")
    people = get_user_model().objects.order_by("pk")
    last = people[number // 10 - 1].pk

    def tell(some: Any) -> int:
        return notify(some, "announcement", dedupe_key="bench", **row.values())

    first = _measured(lambda: tell(people.filter(pk__lte=last)))
    rest = _measured(lambda: tell(people.filter(pk__gt=last)))
    batches = -(-rest["result"] // BATCH)
    return {
        "recipients": number,
        "told_per_second": round(rest["result"] / rest["seconds"]),
        "peak_mb_after_a_tenth": first["peak_mb"],
        "peak_mb_after_all": rest["peak_mb"],
        "queries_a_batch": round(rest["queries"] / batches, 1),
    }


def _inbox(number: int) -> dict[str, Any]:
    """The newest and the oldest page of a full inbox."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    from notifications.models import Notification

    user = get_user_model().objects.get(email="p0@example.com")
    data = {"newsletter": "Weekly", "subject": "First"}
    for start in range(0, number, 1000):
        count = min(1000, number - start)
        Notification.objects.bulk_create(
            Notification(recipient=user, kind="new_issue", data=data) for _ in range(count)
        )
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    oldest = Notification.objects.of(user).reverse()[40].pk
    found: dict[str, Any] = {"inbox_rows": number}
    for name, path in {"newest": "", "oldest": f"?before={oldest}"}.items():
        client.get(f"/notifications/{path}")
        page = _measured(lambda path=path: client.get(f"/notifications/{path}"))
        assert page["result"].status_code == 200
        found |= {f"{name}_page_ms": round(page["seconds"] * 1000, 1)}
        found |= {f"{name}_page_queries": page["queries"]}
    return found


def _measured(work: Callable[[], Any]) -> dict[str, Any]:
    from django.db import connection

    queries = 0

    def count(execute: Any, *arguments: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*arguments)

    start = time.perf_counter()
    with connection.execute_wrapper(count):
        result = work()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"result": result, "seconds": seconds, "queries": queries, "peak_mb": peak}


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        json.dump(told, sys.stdout)
        print()
        return
    for name, value in told.items():
        print(f"{name.replace('_', ' '):24} {value}")
