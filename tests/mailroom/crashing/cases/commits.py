"""A mail and the change that caused it: both or neither, and once however many ask for it."""

import itertools
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from bench.waiting import wait_until
from tests.mailroom.crashing.account import Account, close
from tests.mailroom.crashing.order import Order, Verdict, nothing_doubled, nothing_lost
from tests.mailroom.crashing.queueing import people
from tests.mailroom.crashing.striking import send_all
from tests.mailroom.crashing.visiting import post

VISITORS = 4
PUBLISHERS = 50


def commits(order: Order) -> Verdict:
    """The web process is killed around commits: of sign-ups, and of changes half rolled back."""
    with order.stand() as stand:
        url = stand.start_website("--workers", "1", "--threads", str(VISITORS + 1), "--preload")
        busy = _kill_while_visited(url, order.kills)
        changed, mailed = _changed(), _mailed()
        account = Account(len(mailed), order.kills, busy)
        send_all(stand, account, order.workers)
        close(account, stand)
        answered = {address for entry in stand.accepted() for address in entry["to"]}
    account.measures = {
        "changes": len(changed),
        "changes without a mail": len(changed - mailed),
        "mails without a change": len(mailed - changed),
    }
    faults = [*nothing_lost(account), *nothing_doubled(account)]
    if changed != mailed or answered != mailed:
        faults.append("changes and mails differ")
    if not changed:
        faults.append("nothing was changed")
    return Verdict(account, faults)


def _kill_while_visited(url: str, kills: int) -> int:
    """Kill the process that answers, again and again; how often it was busy then."""
    numbers, answered, is_over, busy = itertools.count(), itertools.count(), threading.Event(), 0
    asking: set[int] = set()
    seen = 0

    def visit() -> None:
        nonlocal seen
        while not is_over.is_set():
            asking.add(number := next(numbers))
            try:
                _change_something(url, number)
                seen = next(answered)
            except requests.RequestException:
                time.sleep(0.05)  # it was killed, another one starts
            asking.discard(number)

    with ThreadPoolExecutor(VISITORS) as visitors:
        for _ in range(VISITORS):
            visitors.submit(visit)
        for _ in range(kills):
            process, before = _process(url), seen
            wait_until(lambda before=before: seen > before + VISITORS, 60)
            time.sleep(random.uniform(0, 0.1))
            busy += bool(asking)
            os.kill(process, signal.SIGKILL)
        _process(url)
        is_over.set()
    return busy


def _process(url: str) -> int:
    """The web process, once it answers."""
    while True:
        try:
            return int(requests.get(f"{url}/bench/process/", timeout=10).text)
        except requests.RequestException:
            time.sleep(0.02)


def _change_something(url: str, number: int) -> None:
    kind = ("sign-up", "kept", "rolled-back")[number % 3]
    if kind == "sign-up":
        secret = "correct horse battery"
        email = f"new{number}@example.com"
        address = f"{url}/accounts/signup/"
        post(address, name="New", email=email, password1=secret, password2=secret)
    else:
        post(f"{url}/bench/change/{kind}-{number}/")


def _changed() -> set[str]:
    from django.contrib.auth import get_user_model

    from newsletters.models import Newsletter

    names = Newsletter.objects.values_list("slug", flat=True)
    users = get_user_model().objects.values_list("email", flat=True)
    return {*users, *(f"{name}@example.com" for name in names)}


def _mailed() -> set[str]:
    from mailroom.models import Delivery

    return set(Delivery.objects.values_list("address", flat=True))


def publishes(order: Order) -> Verdict:
    """Fifty editors press the same button at the same moment."""
    with order.stand() as stand:
        issue = _draft(people(order.recipients))
        place = ["--workers", "2", "--threads", str(PUBLISHERS // 2)]
        url = stand.start_website(*place)
        for _ in range(order.workers):
            stand.start_worker()
        answers = _publish_at_once(f"{url}/admin/newsletters/issue/{issue}/publish/")
        account = Account(order.recipients)
        wait_until(_is_all_queued, 120)
        send_all(stand, account, 0)
        close(account, stand)
        messages = _messages()
    account.measures = {"publishers": answers.count(302), "messages": messages}
    faults = [*nothing_lost(account), *nothing_doubled(account)]
    if answers != [302] * PUBLISHERS:
        faults.append(f"not all were answered: {sorted(set(answers))}")
    if messages != 1 or account.states != {"sent": order.recipients}:
        faults.append("there should be one message, and everybody should have it")
    return Verdict(account, faults)


def _draft(addresses: list[str]) -> int:
    """A draft with subscribers; its id."""
    from django.utils import timezone

    from newsletters.models import Issue, Newsletter, Subscription

    weekly = Newsletter.objects.create(name="Weekly", slug="weekly")
    known = {"newsletter": weekly, "state": "confirmed", "confirmed_at": timezone.now()}
    Subscription.objects.bulk_create(Subscription(email=one, **known) for one in addresses)
    fields = {"subject": "The first", "slug": "first", "body": "Hello"}
    return Issue.objects.create(newsletter=weekly, **fields).pk


def _is_all_queued() -> bool:
    from newsletters.models import Issue

    return Issue.objects.filter(queued_at__isnull=False).exists()


def _publish_at_once(address: str) -> list[int]:
    """The status of each answer."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    editor = Client()
    editor.force_login(get_user_model().objects.create_superuser("editor@example.com", "x"))
    session = {"sessionid": editor.cookies["sessionid"].value}
    start = threading.Barrier(PUBLISHERS)

    def publish(_: int) -> int:
        start.wait()
        return post(address, session).status_code

    with ThreadPoolExecutor(PUBLISHERS) as editors:
        return list(editors.map(publish, range(PUBLISHERS)))


def _messages() -> int:
    from mailroom.models import Message

    return Message.objects.count()
