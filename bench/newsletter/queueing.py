"""`queueing`: an editor publishes to a large list, and people ask for password resets meanwhile."""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.database import fresh
from bench.newsletter.content import subscribe
from bench.newsletter.told import tell
from bench.stand import Stand
from bench.waiting import wait_until
from tests.mailroom.crashing.cases.priority import PER_SECOND, ask, sign_up, waits
from tests.mailroom.crashing.visiting import post


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("queueing", help=__doc__)
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--resets", type=int, default=100, help=f"{PER_SECOND} are asked a second")
    parser.add_argument("--database-url", default="", help="SQLite in a new folder without it")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Gunicorn, one worker, the press of the button; what is unsent after the resets is left."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-queueing-"))
    askers = [f"asker{number}@example.com" for number in range(options.resets)]
    with fresh(options.database_url) as url, Stand(folder, url, lease=60) as stand:
        subscribe(options.recipients)
        sign_up(askers)
        editor = _editor()
        web = stand.start_website("--workers", "1")
        stand.start_worker()
        _warm_up(web, editor)
        found = _publish(web, editor)
        asked_at = ask(web, askers)
        slow = sorted(waits(stand, asked_at))
        found |= _queued()
    shutil.rmtree(folder)
    found |= {
        "resets asked": options.resets,
        "resets accepted": len(slow),
        "p95 of a reset in s": round(slow[int(len(slow) * 0.95)], 2) if slow else None,
    }
    tell({"recipients": options.recipients, **found}, as_json=options.json)
    return 0


def _editor() -> dict[str, str]:
    """The cookie of somebody who is logged in and may publish."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    person = get_user_model().objects.create_superuser("editor@example.com", "bench")
    client = Client()
    client.force_login(person)
    return {name: morsel.value for name, morsel in client.cookies.items()}


def _warm_up(web: str, editor: dict[str, str]) -> None:
    """The first visit of a process loads templates; a press of a button is not the first."""
    import requests

    from newsletters.models import Issue

    issue = Issue.objects.get()
    page = f"{web}/admin/newsletters/issue/{issue.pk}/publish/"
    requests.get(page, cookies=editor, timeout=60).raise_for_status()


def _publish(web: str, editor: dict[str, str]) -> dict[str, Any]:
    from mailroom.models import Delivery
    from newsletters.models import Issue

    issue = Issue.objects.get()
    begun = time.monotonic()
    answer = post(f"{web}/admin/newsletters/issue/{issue.pk}/publish/", cookies=editor)
    click = time.monotonic() - begun
    assert answer.status_code == 302, answer.status_code
    issue.refresh_from_db()
    assert issue.published_at, "it was not published"
    return {
        "click to answer in ms": round(click * 1000),
        "queued by then": Delivery.objects.count(),
    }


def _queued() -> dict[str, Any]:
    """Wait until every recipient is counted; how long that took in the background."""
    from mailroom.models import Delivery
    from newsletters.models import Issue

    wait_until(lambda: Issue.objects.get().queued_at, 300)
    issue = Issue.objects.get()
    seconds = (issue.queued_at - issue.published_at).total_seconds()
    return {
        "queued": Delivery.objects.filter(message=issue.message).count(),
        "queued after s": round(seconds, 2),
    }
