"""Killing workers while they send, spread over the whole of the work."""

import random
import time

from django.db import connection

from bench.crash.account import Account
from bench.stand import Stand, patiently, wait_until_settled


def kill_while_sending(stand: Stand, account: Account, kills: int, workers: int) -> None:
    """Start workers, and kill one each time another share of the mail was accepted."""
    for _ in range(workers):
        stand.start_worker()
    share = account.recipients / (kills + 1)
    for number in range(1, kills + 1):
        _wait_for(stand, int(share * number))
        time.sleep(random.uniform(0, 0.15))
        stand.kill_worker(random.randrange(len(stand.workers)))
        account.kills += 1
        account.in_flight_kills += patiently(_is_anything_in_flight)
        stand.start_worker()
    account.seconds = wait_until_settled(300)


def _wait_for(stand: Stand, accepted: int) -> None:
    end = time.monotonic() + 120
    while stand.accepted_count() < accepted and time.monotonic() < end:
        time.sleep(0.02)


def _is_anything_in_flight() -> bool:
    from mailroom.models import Delivery

    found = Delivery.objects.filter(state=Delivery.State.SENDING).exists()
    connection.close()
    return found
