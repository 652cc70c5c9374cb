"""Claiming: a delivery is sent by one lane at a time, and comes free when its worker dies."""

from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.utils import timezone

from mailroom.config.channels import channel_options
from mailroom.delivery import claim, guards
from mailroom.delivery.complete import Results, complete
from mailroom.models import Delivery, OutcomeCount, Suppression
from mailroom.outbox import Recipient, add_deliveries, freeze
from mailroom.worker import jobs
from tests.at_once import at_once
from tests.mailroom.conftest import deliver, queue

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State


def take(holder: str, limit: int = 100, channel: str = "letters", behind=None) -> list[Delivery]:
    with transaction.atomic():
        route = channel_options(channel).via
        return claim.claim(channel, route, holder, limit, behind)


def take_in_transaction() -> list[Delivery]:
    rows = claim.claim("letters", channel_options("letters").via, "me", 100, None)
    claim.attach_messages(rows, {})
    return rows


def addresses(rows: list[Delivery]) -> list[str]:
    return [one.address for one in rows]


class TestClaim:
    def test_what_one_lane_has_no_other_gets(self, in_memory):
        for number in range(3):
            queue(to=[f"{number}@example.com"])

        first, second, third = take("one", 2), take("two"), take("three")

        assert (len(first), len(second), third) == (2, 1, [])
        assert set(Delivery.objects.values_list("state", "holder")) == {
            (State.SENDING, "one"),
            (State.SENDING, "two"),
        }

    def test_many_at_once_share_a_queue_without_a_row_for_two(self, in_memory):
        (first,) = queue("bulletin")
        add_deliveries(first.message, (Recipient(f"{n}@example.com") for n in range(60)))

        taken = at_once(*[lambda h=h: take(str(h), 20, "bulletin") for h in range(3)])

        ids = [one.pk for rows in taken for one in rows]
        assert len(ids) == len(set(ids)) == 60

    def test_rows_come_oldest_first_and_behind_the_last(self, in_memory):
        (first,) = queue("bulletin", to=["p0@example.com"])
        add_deliveries(first.message, [Recipient(f"p{n}@example.com") for n in range(1, 6)])

        one = take("me", 2, "bulletin")
        two = take("me", 2, "bulletin", behind=one[-1])

        assert addresses(one) + addresses(two) == [f"p{n}@example.com" for n in range(4)]

    def test_a_message_on_hold_is_passed_over_and_the_one_behind_it_goes(self, in_memory):
        (held,) = queue("bulletin", to=["held@example.com"])
        queue("bulletin", to=["next@example.com"])
        type(held.message).objects.filter(pk=held.message_id).update(held_at=timezone.now())

        assert addresses(take("me", 100, "bulletin")) == ["next@example.com"]
        held.refresh_from_db()
        assert (held.state, held.not_before <= timezone.now()) == (State.QUEUED, True)

    def test_transactional_email_comes_ten_at_a_time(self, in_memory):
        for number in range(12):
            queue(to=[f"{number}@example.com"])

        assert len(take("me")) == 10

    def test_one_window_is_of_one_kind(self, in_memory, settings):
        for number in range(3):
            queue("letters", to=[f"{number}@example.com"])
        message = queue("letters", to=["bulk@example.com"])[0].message
        type(message).objects.filter(pk=message.pk).update(is_bulk=True)

        assert len(take("me")) == 3
        assert addresses(take("me")) == ["bulk@example.com"]

    def test_the_recipients_of_one_email_are_claimed_together_or_not_at_all(self, in_memory):
        queue(to=["a@example.com", "b@example.com", "c@example.com"])
        third = Delivery.objects.filter(address="c@example.com")
        third.update(state=State.SENDING, holder="one")

        assert take("two") == []

        third.update(state=State.QUEUED, holder="")
        assert len(take("two", limit=1)) == 3

    def test_what_is_given_back_is_as_it_was(self, in_memory):
        before = queue()[0]
        with transaction.atomic():
            complete(take_in_transaction(), Results({}, {}, {}), "me")

        after = Delivery.objects.get()
        assert (after.state, after.attempts, after.holder) == (State.QUEUED, 0, "")
        assert (after.not_before, after.leased_until) == (before.not_before, None)

    def test_what_could_not_be_checked_comes_back_within_seconds(self, in_memory):
        queue()
        claim.put_off(take("me"), "me")

        after = Delivery.objects.get()
        assert (after.state, after.attempts, after.holder) == (State.QUEUED, 0, "")
        assert after.not_before <= timezone.now() + timedelta(seconds=10)


class TestRoute:
    def test_is_stored_when_queued(self, in_memory):
        assert queue()[0].route == "console"

    def test_of_an_earlier_configuration_gives_way_to_the_channel_s(self, in_memory, mailoutbox):
        queue()
        Delivery.objects.update(route="smtp:gone.example.com")

        deliver()

        assert len(mailoutbox) == 1


class TestLanes:
    def test_are_found_with_what_is_due_first(self, in_memory):
        queue("letters")
        first = queue("bulletin")[0]
        add_deliveries(first.message, [Recipient(f"{n}@example.com") for n in range(20)])

        found = claim.lanes()

        assert list(found) == [("bulletin", "console"), ("letters", "console")]
        assert found["bulletin", "console"] == first.not_before

    def test_cost_one_query_however_many_there_are(self, in_memory, django_assert_num_queries):
        queue("letters")
        queue("bulletin")

        with django_assert_num_queries(1):
            claim.lanes()


class TestADeadWorker:
    def die(self, channel: str) -> Delivery:
        """A delivery whose worker was killed with it in flight, its lease run out."""
        (delivery,) = queue(channel)
        past = timezone.now() - timedelta(seconds=1)
        flight = {"state": State.SENDING, "holder": "dead", "leased_until": past}
        Delivery.objects.filter(pk=delivery.pk).update(attempts=1, **flight)
        return delivery

    def test_leaves_bulk_uncertain_and_counted(self, in_memory, mailoutbox):
        delivery = self.die("bulletin")

        jobs.settle_after_crashes()
        deliver()

        delivery.refresh_from_db()
        assert delivery.state == State.UNCERTAIN
        assert mailoutbox == []
        assert OutcomeCount.objects.totals("state") == {("uncertain",): 1}

    def test_leaves_anything_else_queued(self, in_memory, mailoutbox):
        delivery = self.die("letters")

        jobs.settle_after_crashes()
        deliver()

        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == (State.SENT, 2)
        assert mailoutbox[0].extra_headers["Message-ID"] == delivery.message_id_header

    def test_keeps_what_it_has_while_its_lease_lasts(self, in_memory):
        queue()
        take("alive")

        jobs.settle_after_crashes()

        assert Delivery.objects.get().state == State.SENDING


class TestWindow:
    def window(self, settings, rate: float | None = None) -> claim.Window:
        settings.MAILERS["bulletin"]["OPTIONS"]["rate"] = rate
        return claim.Window("bulletin")

    def test_the_first_is_as_large_as_may_be(self, in_memory, settings):
        assert self.window(settings).size == 100
        assert self.window(settings, rate=50).size == 5

    def test_shrinks_to_a_tenth_of_a_second_and_grows_again(self, in_memory, settings):
        window = self.window(settings)

        window.learn(100, 100, seconds=1)
        assert window.size == 10
        window.learn(10, 10, seconds=0.01)
        assert window.size == 20

    def test_what_is_not_sent_does_not_use_up_the_rate(self, in_memory, settings, mailoutbox):
        self.window(settings, rate=2)
        message = freeze(EmailMessage("Hi", "Hi", to=[]), "bulletin")
        add_deliveries(message, [Recipient(f"p{n}@example.com") for n in range(300)])
        Suppression.objects.bulk_create(
            Suppression(address=f"p{n}@example.com", reason="complained") for n in range(299)
        )
        started = timezone.now()

        deliver()

        assert [one.to for one in mailoutbox] == [["p299@example.com"]]
        took = timezone.now() - started
        assert took < timedelta(seconds=60), "at two a second, 300 would take 150 seconds"


def test_a_hook_that_raises_fails_its_own_row_alone(in_memory, settings, mailoutbox):
    from dataclasses import replace

    row = settings.MESSAGE_TYPES["tests.bulletin"]
    gate = "tests.mailroom.delivery.test_claim.refuse_the_third"
    settings.MESSAGE_TYPES = {**settings.MESSAGE_TYPES, "tests.bulletin": replace(row, gate=gate)}
    for number in range(5):
        message = queue("bulletin", to=[f"{number}@example.com"])[0].message
        type(message).objects.filter(pk=message.pk).update(type="tests.bulletin")

    deliver()

    assert len(mailoutbox) == 4
    failed = Delivery.objects.get(state=State.FAILED)
    assert failed.address == "3@example.com"
    assert "KeyError" in failed.error


def refuse_the_third(deliveries: list[Delivery]) -> dict[int, str]:
    """A gate that stumbles over one row."""
    for one in deliveries:
        if one.address.startswith("3@"):
            raise KeyError("subscription")
    return {}


def test_the_holds_of_a_message_are_checked_again_before_it_is_sent(in_memory):
    (delivery,) = queue("bulletin")
    rows = take("me", 100, "bulletin")
    known = {delivery.message_id: delivery.message}
    type(delivery.message).objects.update(held_at=timezone.now())

    claim.attach_messages(rows, known)
    checked = guards.check(rows, "console")

    assert (checked.passed, checked.skip, checked.fail) == ([], {}, {})


@pytest.mark.skipif(connection.vendor != "postgresql", reason="it plans by what it counted")
def test_a_claim_reads_no_more_than_its_window_out_of_a_long_queue(in_memory):
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # when nothing was queued
    (first,) = queue("bulletin")
    add_deliveries(first.message, (Recipient(f"p{n}@example.com") for n in range(3_000)))
    due = Delivery.objects.due().filter(channel="bulletin", route="console")

    plan = due.order_by("not_before", "message_id", "pk")[:100].explain(analyze=True)

    assert "delivery_lane" in plan, plan
    assert "Sort" not in plan, plan
