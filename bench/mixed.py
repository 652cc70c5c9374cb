"""`mixed`: people, editors, providers and a worker at once on SQLite; 1 where anything failed."""

import argparse
import json
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from itertools import count
from pathlib import Path

import requests
from django.db import OperationalError

from bench.stand import Stand
from bench.waiting import is_settled, wait_until
from tests.visitor import Visitor

PASSWORD = "correct-horse-41"
SUBSCRIBERS = 200
PAGES = ("/", "/newsletters/", "/newsletters/harbour/", "/accounts/login/", "/mail/status/")
numbers = count()


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("mixed", help=__doc__)
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--visitors", type=int, default=12)
    parser.add_argument("--processes", type=int, default=3, help="of gunicorn")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """What was done, what failed, and how often the log says that the database is locked."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-mixed-"))
    with Stand(folder) as stand:
        newsletter = _seed()
        stand.environment["WEB_CONCURRENCY"] = str(options.processes)
        url = stand.start_website()
        stand.start_worker()
        done: Counter[str] = Counter()
        end = time.monotonic() + 60 * options.minutes
        people = [
            threading.Thread(target=_visit, args=(url, end, done)) for _ in range(options.visitors)
        ]
        for one in people:
            one.start()
        while time.monotonic() < end:
            try:
                _publish(newsletter)
                done["publish"] += 1
            except OperationalError as error:
                done[f"failed: publish, {error}"] += 1
            time.sleep(min(10, max(0, end - time.monotonic())))
        for one in people:
            one.join()
        waiting = _settled()
        locked = (folder / "log.txt").read_text().count("database is locked")
        failed = sum(number for name, number in done.items() if name.startswith("failed"))
        print(json.dumps({**done, "database is locked": locked, "email not sent": waiting}))
    shutil.rmtree(folder)
    return 1 if failed or locked or waiting else 0


def _seed() -> object:
    from django.contrib.auth import get_user_model

    from newsletters.models import Newsletter, Subscription

    newsletter = Newsletter.objects.create(name="Harbour", slug="harbour")
    Subscription.objects.bulk_create(
        Subscription(newsletter=newsletter, email=f"reader{n}@example.com", state="confirmed")
        for n in range(SUBSCRIBERS)
    )
    ann = get_user_model().objects.create_user("ann@example.com", PASSWORD)
    ann.emailaddress_set.create(email=ann.email, verified=True, primary=True)
    return newsletter


def _publish(newsletter: object) -> None:
    from newsletters.models import Issue
    from newsletters.sending.publish import publish

    name = f"n{next(numbers)}"
    publish(Issue.objects.create(newsletter=newsletter, slug=name, subject=name, body="Hello."))


def _visit(url: str, end: float, done: Counter[str]) -> None:
    """Somebody who does one thing after the other, each time as a new person."""
    while time.monotonic() < end:
        visitor, address = Visitor(url), f"new{next(numbers)}@example.com"
        action = random.choice(("read", "sign up", "sign in", "reset", "subscribe", "webhook"))
        try:
            if action == "read":
                visitor.get(random.choice(PAGES))
            elif action == "sign up":
                form = {"password1": PASSWORD, "password2": PASSWORD}
                visitor.post("/accounts/signup/", email=address, **form)
            elif action == "sign in":
                visitor.log_in("ann@example.com", PASSWORD)
            elif action == "reset":
                visitor.post("/accounts/password/reset/", email="ann@example.com")
            elif action == "subscribe":
                visitor.post("/newsletters/harbour/", email=address, name="")
            else:
                _report(url)
            done[action] += 1
        except (AssertionError, requests.RequestException) as error:
            done[f"failed: {action}, {str(error)[:80]}"] += 1
        time.sleep(random.random())  # people read, too


def _report(url: str) -> None:
    """Mailgun reports that an email was delivered."""
    from sandbox.webhooks import ProviderEvent, post_of

    reader = f"reader{random.randrange(SUBSCRIBERS)}@example.com"
    post = post_of(
        "mailgun", ProviderEvent("delivered", reader, f"<{next(numbers)}@example.com>"), "bench"
    )
    headers = {**post.headers, "Content-Type": post.content_type}
    address = f"{url}/mail/webhooks/mailgun/tracking/"
    answer = requests.post(address, post.body, headers=headers, timeout=30)
    assert answer.status_code == 200, f"{answer.url} answered {answer.status_code}"


def _settled() -> int:
    """Wait until the worker has sent everything; how many emails it did not send."""
    from mailroom.models import Delivery

    wait_until(is_settled, 120)
    return Delivery.objects.exclude(state="sent").count()
