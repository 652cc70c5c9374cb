"""The cases: each runs real processes, and says whether the contract held."""

import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from bench.crash.account import Account, close
from bench.crash.killing import kill_while_sending
from bench.crash.queueing import people, queue_bulk, queue_transactional
from bench.stand import Stand

WINDOW = 100  # rows that one worker may have in flight


class Order(NamedTuple):
    """What was asked for on the command line."""

    recipients: int = 500
    kills: int = 4
    workers: int = 2
    database_url: str = ""


class Verdict(NamedTuple):
    account: Account
    faults: list[str]


def bulk(order: Order) -> Verdict:
    """Workers are killed while a newsletter goes out."""
    with Stand(order.database_url) as stand:
        account = Account(order.recipients)
        queue_bulk(people(order.recipients))
        kill_while_sending(stand, account, order.kills, order.workers)
        close(account, stand)
    return Verdict(
        account, [*_nothing_lost(account), *_nothing_doubled(account), *_bounded(account)]
    )


def transactional(order: Order) -> Verdict:
    """Workers are killed while resets and confirmations go out: twice is better than never."""
    with Stand(order.database_url) as stand:
        account = Account(order.recipients)
        queue_transactional(people(order.recipients))
        kill_while_sending(stand, account, order.kills, order.workers)
        close(account, stand)
    faults = _nothing_lost(account)
    if account.doubled > account.kills * WINDOW:
        faults.append("more doubled than could be in flight")
    if account.pairs:
        faults.append("a doubled mail has two Message-IDs")
    if account.states.get("sent") != order.recipients:
        faults.append("not everything was sent in the end")
    return Verdict(account, faults)


def refusals(order: Order) -> Verdict:
    """30 % are refused for now, 5 % for good."""
    with Stand(order.database_url, behave={"now": 0.3, "good": 0.05}) as stand:
        account = Account(order.recipients)
        queue_bulk(people(order.recipients))
        kill_while_sending(stand, account, 0, order.workers)
        close(account, stand)
        tries = _attempts_of_failed()
    faults = [*_nothing_lost(account), *_nothing_doubled(account)]
    if account.states.get("sent", 0) + account.states.get("failed", 0) != order.recipients:
        faults.append("the sums do not agree")
    if tries - {1}:
        faults.append("what was refused for good was tried again")
    if not 0 < account.states.get("failed", 0) < order.recipients * 0.1:
        faults.append("the server refused other than it was told")
    return Verdict(account, faults)


def drops(order: Order) -> Verdict:
    """The connection is dropped every 250 mails, and once after the content, before its answer."""
    behave = {"drop_every": 250, "die_at": [order.recipients // 2]}
    with Stand(order.database_url, behave=behave) as stand:
        account = Account(order.recipients)
        queue_bulk(people(order.recipients))
        kill_while_sending(stand, account, 0, order.workers)
        close(account, stand)
    faults = [*_nothing_lost(account), *_nothing_doubled(account)]
    if account.uncertain != 1 or account.states.get("sent") != order.recipients - 1:
        faults.append("exactly one should be uncertain and all others sent")
    return Verdict(account, faults)


def poison(order: Order) -> Verdict:
    """One impossible address among the others."""
    with Stand(order.database_url) as stand:
        account = Account(order.recipients)
        addresses = people(order.recipients)
        addresses[order.recipients // 2] = "impossible@example.com"
        addresses[order.recipients // 3] = "not an address@@"
        queue_bulk(addresses)
        kill_while_sending(stand, account, 0, order.workers)
        close(account, stand)
    faults = [*_nothing_lost(account), *_nothing_doubled(account)]
    if account.states != {"sent": order.recipients - 2, "failed": 2}:
        faults.append("two should fail and all others be sent")
    return Verdict(account, faults)


def sigterm(order: Order) -> Verdict:
    """All workers are asked to stop, twice, while they send."""
    slowest = 0.0
    with Stand(order.database_url, lease=60) as stand:
        account = Account(order.recipients)
        queue_bulk(people(order.recipients))
        for part in (1, 2):
            for _ in range(order.workers):
                stand.start_worker()
            _wait_for_accepted(stand, order.recipients * part // 3)
            started = time.monotonic()
            while stand.workers:
                stand.kill_worker(0, signal.SIGTERM)
            slowest = max(slowest, time.monotonic() - started)
        held = _leases_held()
        kill_while_sending(stand, account, 0, order.workers)
        close(account, stand)
    faults = [*_nothing_lost(account), *_nothing_doubled(account)]
    if slowest > 20:
        faults.append(f"a worker took {slowest:.0f} seconds to stop")
    if held:
        faults.append(f"{held} leases were not given back")
    return Verdict(account, faults)


def shortlease(order: Order) -> Verdict:
    """Leases are far shorter than one send: they are renewed, and nothing is sent twice."""
    with Stand(order.database_url, lease=1, behave={"delay": 4}) as stand:
        account = Account(6)
        queue_bulk(people(6))
        kill_while_sending(stand, account, 0, 2)
        close(account, stand)
    faults = [*_nothing_lost(account), *_nothing_doubled(account)]
    if account.states != {"sent": 6}:
        faults.append("all should be sent")
    return Verdict(account, faults)


CASES: dict[str, Callable[[Order], Verdict]] = {
    case.__name__: case
    for case in (bulk, transactional, refusals, drops, poison, sigterm, shortlease)
}


def _nothing_lost(account: Account) -> list[str]:
    faults = [f"{account.lost} lost"] if account.lost else []
    return [*faults, f"{account.unsaid} sent and denied"] if account.unsaid else faults


def _nothing_doubled(account: Account) -> list[str]:
    return [f"{account.doubled} doubled"] if account.doubled else []


def _bounded(account: Account) -> list[str]:
    if account.uncertain > account.kills * WINDOW:
        return ["more uncertain than could be in flight"]
    if account.states.get("sent", 0) + account.uncertain != account.recipients:
        return ["not everything was sent in the end"]
    return []


def _wait_for_accepted(stand: Stand, number: int) -> None:
    end = time.monotonic() + 60
    while stand.accepted_count() < number and time.monotonic() < end:
        time.sleep(0.02)


def _leases_held() -> int:
    from mailroom.models import Delivery

    return Delivery.objects.exclude(leased_by="").count()


def _attempts_of_failed() -> set[int]:
    from mailroom.models import Delivery

    failed = Delivery.objects.filter(state=Delivery.State.FAILED)
    return set(failed.values_list("attempts", flat=True))
