"""Servers that workers depend on go away and come back: the database, the broker."""

import itertools
import os
import signal
import time
from collections.abc import Callable

from bench.stand import Stand
from bench.waiting import is_settled, wait_until
from tests.mailroom.crashing.account import Account, close
from tests.mailroom.crashing.order import Order, Verdict, bounded, nothing_doubled, nothing_lost
from tests.mailroom.crashing.queueing import people, queue_bulk
from tests.mailroom.crashing.striking import replace_a_worker, strike_while_sending
from tests.services import Postgres

SLOWEST_RETURN = 30  # seconds


def restarts(order: Order) -> Verdict:
    """PostgreSQL is restarted as after a crash while a newsletter goes out."""
    slowest = 0.0
    with Postgres(order.folder) as server, order.stand(database_url=server.url) as stand:
        account = Account(order.recipients)
        queue_bulk(people(order.recipients))

        def strike() -> None:
            nonlocal slowest
            server.restart()
            slowest = max(slowest, _seconds_until_sending(stand))

        strike_while_sending(stand, account, order.kills, order.workers, strike)
        ended = sum(worker.poll() is not None for worker in stand.workers)
        close(account, stand)
    account.measures = {"slowest return, seconds": slowest, "workers that ended": ended}
    faults = [
        *nothing_lost(account),
        *nothing_doubled(account),
        *bounded(account, workers_struck=order.workers),
    ]
    if ended:
        faults.append(f"{ended} workers ended")
    if slowest > SLOWEST_RETURN:
        faults.append(f"it took {slowest:.0f} seconds until mail went out again")
    return Verdict(account, faults)


def broker(order: Order) -> Verdict:
    """Celery's broker is killed, whole workers are, and workers without their children."""
    with order._replace(engine=order.engine or "redis").stand() as stand:
        account = Account(order.recipients)
        queue_bulk(people(order.recipients))
        assert stand.broker
        orphans: list[int] = []
        strikes: itertools.cycle[Callable[[], None]] = itertools.cycle(
            [
                lambda: replace_a_worker(stand),
                stand.broker.restart,
                lambda: orphans.append(_kill_without_children(stand)),
            ]
        )

        def strike() -> None:
            next(strikes)()

        strike_while_sending(stand, account, order.kills, order.workers, strike)
        wait_until(lambda: not any(map(_is_alive, orphans)), 30)
        left = sum(map(_is_alive, orphans))
        close(account, stand)
        for group in filter(_is_alive, orphans):
            os.killpg(group, signal.SIGKILL)
    account.measures = {"workers whose children live on": left}
    faults = [*nothing_lost(account), *nothing_doubled(account), *bounded(account)]
    if left:
        faults.append(f"the children of {left} killed workers live on")
    return Verdict(account, faults)


def _seconds_until_sending(stand: Stand) -> float:
    """How long until another mail is accepted, or nothing is left to send."""
    before, started = stand.accepted_count(), time.monotonic()
    wait_until(lambda: stand.accepted_count() > before or is_settled(), 120)
    return time.monotonic() - started


def _kill_without_children(stand: Stand) -> int:
    """Kill only the first process of a worker, start another; the group of what it left."""
    worker = stand.workers.pop(0)
    worker.kill()
    worker.wait()
    stand.start_worker()
    return worker.pid


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
