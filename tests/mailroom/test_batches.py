"""Batches: the next one is there before it is asked for."""

from itertools import chain

import pytest
from django.db import connection

from bench.waiting import wait_until
from mailroom import leases
from mailroom.batches import Batches
from mailroom.models import Delivery
from mailroom.outbox import Recipient, add_deliveries
from tests.mailroom.conftest import queue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_memory")]
on_postgres = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="a test's SQLite is in memory, for one connection"
)


def queue_people(number: int) -> None:
    for n in range(number):
        queue(to=[f"p{n}@example.com"])


def addresses(batch) -> list[str]:
    return [one.address for parcel in batch for one in parcel]


def held() -> int:
    return Delivery.objects.held_by("me").count()


def test_all_come_in_their_order_and_once():
    queue_people(8)

    with Batches("letters", "me", size=3) as batches:
        found = [addresses(batches.take()) for _ in range(4)]

    assert [len(one) for one in found] == [3, 3, 2, 0]
    assert list(chain.from_iterable(found)) == [f"p{n}@example.com" for n in range(8)]


@on_postgres
def test_behind_a_full_batch_the_next_is_leased_meanwhile():
    queue_people(7)

    with Batches("letters", "me", size=3) as batches:
        batches.take()
        assert wait_until(lambda: held() == 6, 10)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL counts rows so")
def test_a_long_queue_is_counted_when_it_is_begun():
    (first,) = queue("bulletin")
    add_deliveries(first.message, (Recipient(f"p{n}@example.com") for n in range(1_000)))

    with Batches("bulletin", "me") as batches:
        batches.take()

    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'mailroom_delivery'")
        assert cursor.fetchone() == (1001,)


def test_nothing_is_fetched_behind_the_last():
    queue_people(2)

    with Batches("letters", "me", size=3) as batches:
        batches.take()

    assert held() == 2


@on_postgres
def test_what_is_forgotten_can_be_postponed_with_the_rest():
    queue_people(7)

    with Batches("letters", "me", size=3) as batches:
        batches.take()
        batches.forget()
        leases.postpone("me", 60)

        assert len(addresses(batches.take())) == 1

    assert Delivery.objects.due().count() == 0
