"""A newsletter is on its way, and people ask for password resets."""

import time
from concurrent.futures import ThreadPoolExecutor

from bench.stand import Stand
from bench.waiting import wait_until
from tests.mailroom.crashing.account import Account, close
from tests.mailroom.crashing.order import Order, Verdict, nothing_doubled, nothing_lost
from tests.mailroom.crashing.queueing import people, queue_bulk
from tests.mailroom.crashing.visiting import post

PER_SECOND = 5
MOST = 300  # resets: a minute of them
CONNECTIONS = 4  # of a worker to a mail server, each of which has a mail wait for its answer
SLOWEST = 5.0  # seconds from request to acceptance, of 95 in 100


def priority(order: Order) -> Verdict:
    """Resets are asked for on the website, at a steady rate, while the newsletter goes out."""
    resets = min(MOST, max(5, order.recipients // 100))
    askers = [f"asker{number}@example.com" for number in range(resets)]
    # However fast the machine: the newsletter takes longer than all the asking.
    seconds = resets / PER_SECOND + 3
    delay = seconds * order.workers * CONNECTIONS / order.recipients
    with order.stand(behave={"delay": delay}) as stand:
        account = Account(order.recipients + resets)
        sign_up(askers)
        queue_bulk(people(order.recipients))
        url = stand.start_website("--workers", "1")
        started = time.monotonic()
        for _ in range(order.workers):
            stand.start_worker()
        wait_until(stand.accepted_count, 60)
        waited = waits(stand, ask(url, askers))
        account.seconds = time.monotonic() - started
        stand.ask_all_to_stop()
        close(account, stand)
    waiting = account.states.get("queued", 0)
    slow = sorted(waited)[int(len(waited) * 0.95)] if waited else float("inf")
    account.measures = {
        "resets accepted": len(waited),
        "p95 of a reset, seconds": slow,
        "newsletter mails that still waited": waiting,
    }
    faults = [*nothing_lost(account), *nothing_doubled(account)]
    if len(waited) != resets:
        faults.append(f"{resets - len(waited)} resets were not accepted in time")
    if not waiting:
        faults.append("the newsletter was done before the last reset")
    if slow > SLOWEST:
        faults.append(f"p95 of a reset is {slow:.1f} seconds")
    return Verdict(account, faults)


def sign_up(addresses: list[str]) -> None:
    """Make users who have no password yet."""
    from django.contrib.auth import get_user_model

    users = get_user_model()
    users.objects.bulk_create(users(email=address, password="!") for address in addresses)


def ask(url: str, addresses: list[str]) -> dict[str, float]:
    """Ask for a reset for each, one every fifth of a second, however long an answer takes; when."""
    asked_at: dict[str, float] = {}
    with ThreadPoolExecutor(8) as visitors:
        for address in addresses:
            asked_at[address] = time.time()
            visitors.submit(post, f"{url}/accounts/password/reset/", email=address)
            time.sleep(1 / PER_SECOND)
    return asked_at


def waits(stand: Stand, asked_at: dict[str, float]) -> list[float]:
    """Seconds from each request until its mail was accepted."""

    def arrived() -> dict[str, float]:
        return {
            address: entry["at"]
            for entry in stand.accepted()
            for address in entry["to"]
            if address in asked_at
        }

    wait_until(lambda: len(arrived()) == len(asked_at), 60, every=0.5)
    return [at - asked_at[address] for address, at in arrived().items()]
