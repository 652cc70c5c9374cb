"""`pages`: how many visitors the web serves, with PostgreSQL, by the line of the Procfile."""

import argparse
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

from bench.stand import Stand
from tests.services import Postgres
from tests.visitor import TOKEN

Send = Callable[[HTTPConnection], None]
SEED = """
from accounts.models import User
from allauth.account.models import EmailAddress
from django.utils import timezone
from newsletters.models import Issue, Newsletter
news = Newsletter.objects.create(name='Harbour', slug='harbour')
now = timezone.now()
Issue.objects.bulk_create(
    Issue(newsletter=news, slug=f'n{n}', subject=f'Issue {n}', body='Text. ' * 400,
          state='sent', published_at=now) for n in range(50))
for n in range(200):
    user = User.objects.create_user(f'ann{n}@example.com', 'correct-horse-41')
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
"""
PAGES = {
    "home": "/",
    "landing": "/newsletters/harbour/",
    "web version": "/newsletters/harbour/n1/",
    "sign-in": "/accounts/login/",
}


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("pages", help=__doc__)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10, help="for each page")
    parser.add_argument("--processes", type=int, default=2, help="of gunicorn")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Requests a second and the 95th percentile of each page; 1 where any request failed."""
    failed = 0
    with _website(options.processes) as port:
        for name, path in PAGES.items():
            send = _signing_in(port) if name == "sign-in" else _reading(path)
            times, errors, lasted = _load(port, send, options.connections, options.seconds)
            p95 = quantiles(times, n=20)[-1] * 1000 if len(times) > 1 else 0
            told = {
                "page": name,
                "connections": options.connections,
                "requests": len(times),
                "per second": round(len(times) / lasted, 1),
                "p95 ms": round(p95),
                "errors": errors,
            }
            print(json.dumps(told), flush=True)
            failed += errors
    return 1 if failed else 0


@contextmanager
def _website(processes: int) -> Iterator[int]:
    folder = Path(tempfile.mkdtemp(prefix="mailroom-bench-"))
    with Postgres(folder) as postgres, Stand(folder, postgres.url) as stand:
        exec(SEED, {})  # in the stand's own Django
        stand.environment["WEB_CONCURRENCY"] = str(processes)
        yield int(stand.start_website().rpartition(":")[2])


def _reading(path: str) -> Send:
    return lambda connection: connection.request("GET", path)


def _signing_in(port: int) -> Send:
    """A POST with a good password and a fresh session each: it writes, and hashes as the bench."""
    first = HTTPConnection("127.0.0.1", port, timeout=60)
    first.request("GET", "/accounts/login/")
    answer = first.getresponse()
    token = TOKEN.search(answer.read().decode())
    cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    assert token
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    turns = count()

    def send(connection: HTTPConnection) -> None:
        form = {"login": f"ann{next(turns) % 200}@example.com", "password": "correct-horse-41"}
        body = urlencode({**form, "csrfmiddlewaretoken": token[1]})
        connection.request("POST", "/accounts/login/", body, headers)

    return send


def _load(
    port: int, send: Send, connections: int, seconds: float
) -> tuple[list[float], int, float]:
    """Each connection sends one request after the other; all times, errors, and how long it was."""
    times: list[float] = []
    errors = count()
    end = time.monotonic() + seconds
    start = time.monotonic()

    def visit() -> None:
        time.sleep(random.random() / 10)
        while time.monotonic() < end:
            began = time.monotonic()
            connection = HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                send(connection)
                answer = connection.getresponse()
                answer.read()
                if answer.status in {200, 302}:
                    times.append(time.monotonic() - began)
                else:
                    next(errors)
            except OSError:
                next(errors)
            finally:
                connection.close()

    threads = [threading.Thread(target=visit) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, next(errors), time.monotonic() - start
