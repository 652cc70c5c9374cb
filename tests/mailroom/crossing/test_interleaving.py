"""Two connections: while one worker sends, somebody else acts at each of its commits."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.db import connection
from django.utils import timezone

from mailroom.delivery.feedback import handle
from mailroom.models import Delivery, Event, Message, Suppression
from mailroom.outbox import Recipient, add_deliveries, control, freeze
from mailroom.outbox.personal_data import forget_address
from tests.at_once import at_once
from tests.mailroom.crossing.test_state_machine import settings_  # noqa: F401  (a fixture)
from tests.mailroom.crossing.world import World, start_anew, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settings_")]

State = Delivery.State
PEOPLE = [f"p{number}@example.com" for number in range(12)]  # several windows
COMMITS = 6


@pytest.fixture
def world() -> World:
    return start_anew()


@contextmanager
def at_commit(number: int, action: Callable[[], object], *, before: bool) -> Iterator[None]:
    """Run `action` on another connection at the commit `number` of this one, counted from one.

    before: while the transaction is open. What has to wait for its locks goes on after the commit.
    """
    original, count = connection._commit, 0
    waiting: list[threading.Thread] = []

    def commit() -> None:
        nonlocal count
        count += 1
        if count == number and before:
            waiting.append(threading.Thread(target=lambda: at_once(action)))
            waiting[0].start()
            waiting[0].join(0.5)
        original()
        if count == number and not before:
            at_once(action)

    connection._commit = commit
    try:
        yield
    finally:
        connection._commit = original
        for thread in waiting:
            thread.join()


BEFORE = pytest.param(
    True,
    id="before",
    marks=pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer"),
)


@pytest.mark.parametrize("number", range(1, COMMITS + 1))
@pytest.mark.parametrize("before", [BEFORE, pytest.param(False, id="after")])
@pytest.mark.parametrize("verb", ["hold", "cancel", "erase", "second worker"])
def test_nothing_is_sent_behind_anybodys_back(world, verb, before, number):
    message = freeze(EmailMessage("News", "News.", to=[]), "bulletin")
    add_deliveries(message, [Recipient(one) for one in PEOPLE])
    EmailMessage("A meeting", "At ten.", to=PEOPLE[10:11], cc=PEOPLE[11:]).send(using="letters")
    stopped: set[int] = set()  # rows that were queued when the verb was committed
    handed_over = 0

    def act() -> None:
        nonlocal handed_over
        if verb == "second worker":
            work()
            return
        if verb == "hold":
            control.hold(message)
        elif verb == "cancel":
            control.cancel(message, "changed my mind")
        else:
            forget_address(PEOPLE[11])
        handed_over = len(world.log)
        own = Delivery.objects.filter(message=message)
        if verb == "erase":
            own = Delivery.objects.filter(address__startswith=Delivery.ERASED)
        untried = own.filter(attempts=0)  # the others are in flight, or were
        stopped.update(untried.values_list("pk", flat=True))

    with at_commit(number, act, before=before):
        work()

    assert not {sent.delivery for sent in world.log[handed_over:]} & stopped
    control.release(message)
    for _ in range(3):
        with time_machine.travel(timezone.now() + timedelta(hours=2)):
            work()
    assert not Delivery.objects.unfinished().exists()
    bulk = [sent.delivery for sent in world.log if sent.subject == "News"]
    assert len(bulk) == len(set(bulk))
    if verb in {"hold", "second worker"}:
        assert set(Delivery.objects.values_list("state", flat=True)) == {State.SENT}
    assert Message.objects.count() == 2


@pytest.mark.parametrize("before", [BEFORE, pytest.param(False, id="after")])
def test_two_hard_bounces_of_one_address_make_one_suppression_at_once(world, before):
    first, second = (
        Event.objects.create(
            provider="tests",
            event_id=str(number),
            kind=Event.Kind.HARD_BOUNCE,
            address=PEOPLE[0],
        )
        for number in range(2)
    )

    with at_commit(1, lambda: handle([second]), before=before):
        handle([first])

    assert Suppression.objects.get().reason == Suppression.Reason.BOUNCED
    assert not Event.objects.filter(handled_at=None).exists()
