"""A mail server that refuses, hangs up, and falls silent."""

from email.utils import parseaddr

from django.core.mail import EmailMessage

from tests.mailroom.crashing.account import Account, close
from tests.mailroom.crashing.order import Order, Verdict, nothing_doubled, nothing_lost
from tests.mailroom.crashing.queueing import people, queue_bulk
from tests.mailroom.crashing.striking import send_all


def refusals(order: Order) -> Verdict:
    """30 % are refused for now, 5 % for good."""
    with order.stand(behave={"now": 0.3, "good": 0.05}) as stand:
        account = Account(order.recipients)
        queue_bulk(people(order.recipients))
        send_all(stand, account, order.workers)
        close(account, stand)
        tries = _attempts_of_failed()
    faults = [*nothing_lost(account), *nothing_doubled(account)]
    if account.states.get("sent", 0) + account.states.get("failed", 0) != order.recipients:
        faults.append("the sums do not agree")
    if tries - {1}:
        faults.append("what was refused for good was tried again")
    if not 0 < account.states.get("failed", 0) < order.recipients * 0.1:
        faults.append("the server refused other than it was told")
    return Verdict(account, faults)


def drops(order: Order) -> Verdict:
    """The connection is dropped every 250 mails, and once after the content, before its answer."""
    with order.stand(behave={"drop_every": 250, "die_at": [order.recipients // 2]}) as stand:
        account = Account(order.recipients)
        queue_bulk(people(order.recipients))
        send_all(stand, account, order.workers)
        close(account, stand)
    faults = [*nothing_lost(account), *nothing_doubled(account)]
    if account.states != {"sent": order.recipients - 1, "uncertain": 1}:
        faults.append("exactly one should be uncertain and all others sent")
    return Verdict(account, faults)


def poison(order: Order) -> Verdict:
    """Two impossible addresses among the others: one the server refuses, one that is none."""
    with order.stand() as stand:
        account = Account(order.recipients)
        addresses = people(order.recipients)
        addresses[order.recipients // 2] = "impossible@example.com"
        addresses[order.recipients // 3] = "not an address@@"
        queue_bulk(addresses)
        send_all(stand, account, order.workers)
        close(account, stand)
    faults = [*nothing_lost(account), *nothing_doubled(account)]
    if account.states != {"sent": order.recipients - 2, "failed": 2}:
        faults.append("two should fail and all others be sent")
    return Verdict(account, faults)


def grouped(order: Order) -> Verdict:
    """One message To two and Cc one, and one of the three is refused for now."""
    ann, bob, cem = people(3)
    with order.stand(behave={"refuse_first": [bob]}) as stand:
        account = Account(3)
        mail = EmailMessage("Minutes", "Here they are.", to=[f"Ann <{ann}>", bob], cc=[cem])
        mail.send(using="default")
        send_all(stand, account, order.workers)
        close(account, stand)
        calls = [[parseaddr(text)[1] for text in entry["to"]] for entry in stand.accepted()]
    faults = [*nothing_lost(account), *nothing_doubled(account)]
    if calls != [[ann, cem], [bob]]:
        faults.append(f"two should get it by one call, and the third later: {calls}")
    if account.states != {"sent": 3}:
        faults.append("all should be sent")
    return Verdict(account, faults)


def _attempts_of_failed() -> set[int]:
    from mailroom.models import Delivery

    failed = Delivery.objects.filter(state=Delivery.State.FAILED)
    return set(failed.values_list("attempts", flat=True))
