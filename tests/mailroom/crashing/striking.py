"""Accidents while workers send, spread over the whole of the work."""

import random
import time
from collections.abc import Callable

from django.db import connection

from bench.stand import Stand
from bench.waiting import is_settled, patiently, states, wait_until
from tests.mailroom.crashing.account import Account

PATIENCE = 900  # seconds; a case that takes longer is broken


def send_all(stand: Stand, account: Account, workers: int) -> None:
    """Start workers and wait until nothing is left to send."""
    strike_while_sending(stand, account, 0, workers, lambda: None)


def kill_while_sending(stand: Stand, account: Account, kills: int, workers: int) -> None:
    """Kill a worker, and start another, each time another share of the mail was accepted."""
    strike_while_sending(stand, account, kills, workers, lambda: replace_a_worker(stand))


def replace_a_worker(stand: Stand) -> None:
    stand.kill_worker(random.randrange(len(stand.workers)))
    stand.start_worker()


def strike_while_sending(
    stand: Stand, account: Account, times: int, workers: int, strike: Callable[[], None]
) -> None:
    """Start workers, and strike each time another share of what is queued was accepted.

    A share of all there is would never come: what is in flight at a kill may stay unaccepted.
    """
    started = time.monotonic()
    for _ in range(workers):
        stand.start_worker()
    for left in range(times, 0, -1):
        share = patiently(_queued) // (left + 1)
        wait_for_accepted(stand, stand.accepted_count() + share)
        time.sleep(random.uniform(0, 0.15))
        account.in_flight_kills += patiently(_is_anything_in_flight)
        strike()
        account.kills += 1
    wait_until(is_settled, PATIENCE)
    account.seconds = time.monotonic() - started


def wait_for_accepted(stand: Stand, number: int) -> None:
    wait_until(lambda: stand.accepted_count() >= number, 120)


def _queued() -> int:
    return states()["queued"]


def _is_anything_in_flight() -> bool:
    from mailroom.models import Delivery

    found = Delivery.objects.filter(state=Delivery.State.SENDING).exists()
    connection.close()
    return found
