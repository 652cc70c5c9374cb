"""Workers that are killed, asked to stop, or slower than their leases."""

import time

from cryptography.fernet import Fernet

from tests.mailroom.crashing.account import Account, close
from tests.mailroom.crashing.order import (
    WINDOW,
    Order,
    Verdict,
    bounded,
    nothing_doubled,
    nothing_lost,
)
from tests.mailroom.crashing.queueing import mail_account, people, queue_bulk, queue_transactional
from tests.mailroom.crashing.striking import kill_while_sending, send_all, wait_for_accepted

ACCOUNTS = 3  # each has a lane of its own in every worker


def bulk(order: Order) -> Verdict:
    """Workers are killed while a newsletter goes out."""
    with order.stand() as stand:
        account = Account(order.recipients)
        queue_bulk(people(order.recipients))
        kill_while_sending(stand, account, order.kills, order.workers)
        close(account, stand)
    faults = [*nothing_lost(account), *nothing_doubled(account), *bounded(account)]
    return Verdict(account, faults)


def accounts(order: Order) -> Verdict:
    """Workers are killed while the newsletters of three mail accounts go out."""
    variables = {
        "DEBUG": "1",
        "MAIL_ACCOUNT_KEYS": Fernet.generate_key().decode(),
        "MAIL_ACCOUNT_LOOPBACK_HOSTS": "127.0.0.1",
    }
    with order.stand(variables=variables) as stand:
        account = Account(order.recipients)
        everybody = people(order.recipients)
        for number in range(ACCOUNTS):
            queue_bulk(everybody[number::ACCOUNTS], account=mail_account(number, stand.port))
        kill_while_sending(stand, account, order.kills, order.workers)
        close(account, stand)
    faults = [*nothing_lost(account), *nothing_doubled(account), *bounded(account, ACCOUNTS)]
    return Verdict(account, faults)


def transactional(order: Order) -> Verdict:
    """Workers are killed while resets and confirmations go out: twice is better than never."""
    with order.stand() as stand:
        account = Account(order.recipients)
        queue_transactional(people(order.recipients))
        kill_while_sending(stand, account, order.kills, order.workers)
        close(account, stand)
    faults = nothing_lost(account)
    if account.doubled > account.kills * WINDOW:
        faults.append("more doubled than could be in flight")
    if account.pairs:
        faults.append("a doubled mail has two Message-IDs")
    if account.states != {"sent": order.recipients}:
        faults.append("not everything was sent in the end")
    return Verdict(account, faults)


def sigterm(order: Order) -> Verdict:
    """All processes are asked to stop, twice, while they send."""
    slowest, held = 0.0, 0
    with order.stand(lease=60) as stand:
        account = Account(order.recipients)
        queue_bulk(people(order.recipients))
        for part in (1, 2):
            stand.start_website()
            for _ in range(order.workers):
                stand.start_worker()
            wait_for_accepted(stand, order.recipients * part // 3)
            started = time.monotonic()
            stand.ask_all_to_stop()
            slowest = max(slowest, time.monotonic() - started)
            held += _leases_held()
        send_all(stand, account, order.workers)
        close(account, stand)
    account.measures = {"slowest stop, seconds": slowest, "leases not given back": held}
    faults = [*nothing_lost(account), *nothing_doubled(account)]
    if slowest > 20:
        faults.append(f"it took {slowest:.0f} seconds to stop")
    if held:
        faults.append(f"{held} leases were not given back")
    if account.states != {"sent": order.recipients}:
        faults.append("not everything was sent in the end")
    return Verdict(account, faults)


def shortlease(order: Order) -> Verdict:
    """Leases are far shorter than one send: they are renewed, and nothing is sent twice."""
    with order.stand(lease=1, behave={"delay": 2.5}) as stand:
        account = Account(4)
        queue_bulk(people(4))
        send_all(stand, account, 2)
        close(account, stand)
    faults = [*nothing_lost(account), *nothing_doubled(account)]
    if account.states != {"sent": 4}:
        faults.append("all should be sent")
    return Verdict(account, faults)


def _leases_held() -> int:
    from mailroom.models import Delivery

    return Delivery.objects.exclude(holder="").count()
