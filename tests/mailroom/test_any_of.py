"""`any_of`: many values, one parameter."""

import pytest
from django.db import connection

from mailroom.batches import Batches
from mailroom.models import Delivery
from mailroom.outbox import Recipient, add_deliveries
from tests.mailroom.conftest import queue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_memory")]


def test_it_finds_numbers_and_texts_and_nothing_among_none():
    one, _other = queue()[0], queue(to=["o'brien@example.com"])[0]

    assert list(Delivery.objects.filter(pk__any_of=[one.pk, 0])) == [one]
    assert Delivery.objects.filter(address__any_of={"o'brien@example.com": 1, '"é': 2}).count() == 1
    assert Delivery.objects.filter(pk__any_of=[]).count() == 0
    assert Delivery.objects.filter(pk__any_of=[]).update(error="x") == 0


@pytest.mark.skipif(connection.vendor != "postgresql", reason="it plans by what it counted")
def test_a_window_out_of_a_long_queue_reads_no_more_than_its_batch():
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # when nothing was queued
    (first,) = queue("bulletin")
    add_deliveries(first.message, (Recipient(f"p{n}@example.com") for n in range(3_000)))
    with Batches("bulletin", "me") as batches:
        ids = [one.pk for (one,) in batches.take()[:100]]

    window = Delivery.objects.held_by("me").queued().filter(pk__any_of=ids)
    claimed = Delivery.objects.due().filter(pk__any_of=ids)

    plan = window.explain(analyze=True)
    assert "mailroom_delivery_pkey" in plan or "delivery_lease" in plan, plan
    assert "delivery_queue" not in plan, plan
    assert "Seq Scan" not in plan, plan
    plan = claimed.explain(analyze=True)
    assert "delivery_queue" not in plan, plan
