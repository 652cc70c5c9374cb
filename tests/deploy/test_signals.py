"""Platforms end processes by signals, and start others: nothing is lost by that, or done twice."""

import os
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager

import psycopg
import pytest
import requests

from tests.deploy.conftest import Production
from tests.processes import until

pytestmark = [pytest.mark.postgres, pytest.mark.proxy]

MAILS = 300
WINDOW = 100  # what a worker may have in flight
REQUESTS = 4  # as many as one process has connections: it may get them all
KINDS = {
    "term_all": (signal.SIGTERM, True, 30),
    "term_main": (signal.SIGTERM, False, 30),
    "int_main": (signal.SIGINT, False, 5),
    "int_all": (signal.SIGINT, True, 5),
    "kill": (signal.SIGKILL, True, 0),
}
QUEUE = f"""
from datetime import timedelta
from django.core.mail import EmailMessage
from django.utils import timezone
from mailroom.models import Delivery
from mailroom.outbox import Recipient, add_deliveries, freeze
from newsletters.models import Newsletter
Newsletter.objects.create(name='Signals', slug='signals')
for kind in {list(KINDS)!r}:
    message = freeze(EmailMessage(kind, 'Body'), 'newsletters')
    message.is_bulk = True
    message.save()
    people = [Recipient(f'{{kind}}{{n}}@people.test', '') for n in range({MAILS})]
    add_deliveries(message, people)
    later = timezone.now() + timedelta(days=1)
    Delivery.objects.filter(message=message).update(not_before=later)
"""


@pytest.fixture(scope="module")
def queued(production: Production):
    """A newsletter for each kind of end, waiting for its turn."""
    production.shell(QUEUE)
    production.stop()
    production.start(MAIL_LEASE_SECONDS="3")
    yield production
    production.stop()
    production.start()


@contextmanager
def held_up(production: Production):
    """Inside the block every request that writes a subscription waits."""
    with psycopg.connect(production.environment["DATABASE_URL"]) as connection:
        connection.execute("LOCK TABLE newsletters_subscription IN EXCLUSIVE MODE")
        yield


def in_flight(production: Production) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return production.sql(query)[0][0]


class Asking(threading.Thread):
    """Somebody subscribes, past the proxy: it would hide a lost connection behind an answer."""

    def __init__(self, production: Production, kind: str, number: int) -> None:
        super().__init__()
        self.url = f"http://127.0.0.1:{production.port}/newsletters/signals/"
        self.address = f"{kind}-asked{number}@people.test"
        self.headers = {
            "Host": production.url.removeprefix("https://"),
            "X-Forwarded-Proto": "https",
            "X-Forwarded-For": f"10.1.0.{number}",
            "Referer": f"{production.url}/",
            "Cookie": "csrftoken=" + "c" * 32,
        }
        self.status = 0

    def run(self) -> None:
        data = {"email": self.address, "name": "Ann", "csrfmiddlewaretoken": "c" * 32}
        try:
            answer = requests.post(
                self.url, data, headers=self.headers, timeout=60, allow_redirects=False
            )
            self.status = answer.status_code
        except requests.ConnectionError:
            self.status = -1


def end(production: Production, kind: str) -> None:
    number, is_for_all, _ = KINDS[kind]
    for process in production.processes.values():
        (os.killpg if is_for_all else os.kill)(process.pid, number)


def ended_in_time(production: Production, kind: str) -> bool:
    """Wait as long as the platform does; True where nothing had to be killed."""
    limit = time.monotonic() + KINDS[kind][2]
    processes = production.processes.values()
    while any(one.poll() is None for one in processes) and time.monotonic() < limit:
        time.sleep(0.1)
    in_time = all(one.poll() is not None for one in processes)
    for process in processes:
        process.poll() is None and os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return in_time


def received(production: Production, kind: str) -> Counter[str]:
    return Counter(
        address
        for one in production.mail.received
        for address in one.recipients
        if address.startswith(kind)
    )


def in_its_suite(kind: str) -> object:
    """Half a minute each: what a platform sends, and a kill, run every time."""
    return kind if kind in {"term_main", "kill"} else pytest.param(kind, marks=pytest.mark.full)


@pytest.mark.parametrize("kind", [in_its_suite(kind) for kind in KINDS])
def test_nothing_is_lost_or_doubled(queued: Production, kind: str):
    asking = [Asking(queued, kind, number) for number in range(REQUESTS)]
    with held_up(queued):
        for one in asking:
            one.start()
        until(lambda: in_flight(queued) >= REQUESTS, "requests to be in flight")
        queued.sql(
            "UPDATE mailroom_delivery SET not_before = now() WHERE address LIKE %s", f"{kind}%"
        )
        until(lambda: len(received(queued, kind)) > 10, "mail to be in flight")
        end(queued, kind)
        time.sleep(1)  # a process that gave its requests up would be gone by now
    for one in asking:
        one.join()
    in_time = ended_in_time(queued, kind)
    queued.start(MAIL_LEASE_SECONDS="3")

    is_kill = kind == "kill"
    answered = {one.address for one in asking if one.status == 302}
    if not is_kill:
        assert in_time
        assert len(answered) == REQUESTS
    until(lambda: not waiting(queued, kind), "all of it to be settled")
    states = dict(
        queued.sql(
            "SELECT state, count(*) FROM mailroom_delivery WHERE address LIKE %s GROUP BY state",
            f"{kind}%",
        )
    )
    mails = received(queued, kind)
    assert sum(states.values()) == MAILS + len(answered)
    assert set(mails.values()) == {1}
    assert answered <= set(mails)
    if is_kill:
        assert states["sent"] + states.get("uncertain", 0) == MAILS
        assert states.get("uncertain", 0) <= WINDOW
        assert states["sent"] <= len(mails) <= MAILS
    else:
        assert states == {"sent": MAILS + REQUESTS}
        assert len(mails) == MAILS + REQUESTS


def waiting(production: Production, kind: str) -> int:
    query = """SELECT count(*) FROM mailroom_delivery
               WHERE address LIKE %s AND state IN ('queued', 'sending')"""
    return production.sql(query, f"{kind}%")[0][0]
