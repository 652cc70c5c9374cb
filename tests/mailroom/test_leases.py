"""Leases: a delivery is in one worker's hands at a time, and comes free when that worker dies."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from mailroom import leases, signals, upkeep
from mailroom.models import Delivery
from mailroom.tasks import deliver_channel
from tests.mailroom.conftest import deliver, queue

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State


class TestLeases:
    def test_what_one_worker_holds_no_other_gets(self, in_memory):
        for number in range(3):
            queue(to=[f"{number}@example.com"])

        first = leases.claim("letters", "one", limit=2)
        second = leases.claim("letters", "two")
        third = leases.claim("letters", "three")

        assert (len(first), len(second), third) == (2, 1, [])
        assert not set(first) & set(second)
        assert set(Delivery.objects.values_list("state", flat=True)) == {State.QUEUED}

    def test_a_lease_that_ran_out_is_anybody_s(self, in_memory, settings):
        queue()
        leases.claim("letters", "dead")

        late = timezone.now() + timedelta(seconds=settings.MAIL_LEASE_SECONDS + 1)
        with time_machine.travel(late):
            assert leases.claim("letters", "alive")

    def test_a_lease_that_is_renewed_is_not(self, in_memory, settings):
        queue()
        leases.claim("letters", "busy")
        with time_machine.travel(timezone.now() + timedelta(seconds=40)):
            leases.renew("busy")
        with time_machine.travel(timezone.now() + timedelta(seconds=80)):
            assert leases.claim("letters", "other") == []

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
    def test_renewing_waits_for_no_window_that_is_being_written(self, in_memory):
        first, _second = queue()[0], queue()[0]
        leases.claim("letters", "busy")

        def renew() -> int:
            try:
                return leases.renew("busy")
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as clock, transaction.atomic():
            Delivery.objects.filter(pk=first.pk).update(state=State.SENDING)
            assert clock.submit(renew).result(timeout=10) == 1

    def test_the_recipients_of_one_call_are_claimed_together_or_not_at_all(self, in_memory):
        queue(to=["a@example.com", "b@example.com", "c@example.com"])
        Delivery.objects.filter(address="c@example.com").update(
            leased_by="one", leased_until=timezone.now() + timedelta(minutes=1)
        )

        assert leases.claim("letters", "two") == []

    def test_a_claim_smaller_than_a_call_takes_the_whole_call(self, in_memory):
        queue(to=["a@example.com", "b@example.com", "c@example.com"])

        assert len(leases.claim("letters", "one", limit=1)) == 3


class TestADeadWorker:
    def die(self, channel: str) -> Delivery:
        """A delivery whose worker was killed with it in flight, its lease run out."""
        (delivery,) = queue(channel)
        past = timezone.now() - timedelta(seconds=1)
        flight = {"state": State.SENDING, "leased_by": "dead", "leased_until": past}
        Delivery.objects.filter(pk=delivery.pk).update(attempts=1, **flight)
        return delivery

    def test_leaves_bulk_uncertain(self, in_memory, mailoutbox):
        delivery = self.die("bulletin")

        upkeep.settle_abandoned()
        deliver()

        delivery.refresh_from_db()
        assert delivery.state == State.UNCERTAIN
        assert mailoutbox == []

    def test_leaves_anything_else_queued(self, in_memory, mailoutbox):
        delivery = self.die("letters")

        upkeep.settle_abandoned()
        deliver()

        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == (State.SENT, 2)
        assert mailoutbox[0].extra_headers["Message-ID"] == delivery.message_id_header


class TestNudges:
    def test_a_channel_is_worked_once_at_a_time_in_a_process(self, smtp):
        queue("bulletin", to=["first@example.com"])
        handled_inside = []

        def nudge_again(**_):
            queue("bulletin", to=["second@example.com"])
            handled_inside.append(deliver_channel.func("bulletin"))
            signals.about_to_send.disconnect(nudge_again)

        signals.about_to_send.connect(nudge_again)
        deliver_channel.func("bulletin")

        assert handled_inside == [0]
        assert len(smtp.received) == 2
