"""What becomes of a report: in any order, joined to the mail it is about."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from mailroom.delivery.feedback import feedback_of, handle_waiting
from mailroom.models import Delivery, Event, Suppression
from tests.mailroom.webhooks.conftest import State, feedback, stopped

pytestmark = pytest.mark.django_db


class TestOrder:
    def test_every_order_of_a_mails_events_comes_to_the_same(self, tell, delivery):
        at = datetime.now(UTC) - timedelta(hours=5)
        events = [
            ("soft", at),
            ("delivered", at + timedelta(hours=1)),
            ("complaint", at + timedelta(hours=2)),
        ]
        random.Random(7).shuffle(events)
        for number, (kind, when) in enumerate(events):
            tell("sparkpost", kind, id=f"e{number}", at=when)
            handle_waiting()
        assert feedback(delivery) == "complained"

    def test_feedback_by_the_events_own_times(self):
        assert feedback_of(["soft_bounce", "delivered"]) == "delivered"
        assert feedback_of(["delivered", "soft_bounce"]) == "bounced"
        assert feedback_of(["hard_bounce", "delivered"]) == "bounced"
        assert feedback_of(["complained", "delivered"]) == "complained"
        assert feedback_of(["accepted", "deferred"]) == ""

    def test_a_provider_quicker_than_our_own_note_is_waited_for(self, tell, delivery):
        Delivery.objects.update(provider_id="")
        tell("mailersend", "delivered")  # which knows nothing but its own id
        handle_waiting()
        assert Event.objects.get().handled_at is None

        Delivery.objects.update(provider_id="p-1")
        Event.objects.update(look_at=timezone.now())
        assert feedback(delivery) == "delivered"

    def test_an_event_about_no_mail_of_ours_is_done_with_in_the_end(self, tell, delivery):
        tell("postmark", "hard", delivery=999_999, provider_id="other", address="eve@example.com")
        handle_waiting()
        long_ago = timezone.now() - timedelta(hours=1)
        Event.objects.update(look_at=long_ago, received_at=long_ago)
        handle_waiting()
        assert stopped("eve@example.com") == [("bounced", "")]
        assert feedback(delivery) == ""

    def test_what_was_said_before_a_suppression_was_lifted_does_not_bring_it_back(self, tell):
        tell("postmark", "hard")
        handle_waiting()
        Suppression.objects.get().lift("Ann wrote that her mailbox is mended.")
        tell("postmark", "hard", id="again", at=datetime.now(UTC) - timedelta(days=1))
        handle_waiting()
        assert stopped() == []
        tell("postmark", "hard", id="anew", at=datetime.now(UTC) + timedelta(seconds=1))
        Event.objects.filter(handled_at=None).update(happened_at=timezone.now())
        handle_waiting()
        assert stopped() == [("bounced", "")]


class TestUncertain:
    @pytest.mark.parametrize("kind", ["delivered", "complaint", "hard"])
    def test_is_settled_by_any_report(self, tell, delivery, kind):
        Delivery.objects.update(state=State.UNCERTAIN, provider_id="")
        tell("postmark", kind)
        handle_waiting()
        delivery.refresh_from_db()
        assert (delivery.state, delivery.provider_id) == (State.SENT, "p-1")

    @pytest.mark.django_db(transaction=True)  # the worker closes its connections
    def test_what_is_queued_again_is_not_sent_twice(self, tell, delivery, mailoutbox):
        Delivery.objects.update(state=State.QUEUED, attempts=1)
        tell("postmark", "delivered")
        handle_waiting()
        call_command("worker", "--drain")
        assert mailoutbox == []

    def test_what_was_never_tried_is_not_settled(self, tell, delivery):
        Delivery.objects.update(state=State.QUEUED, attempts=0)
        tell("postmark", "delivered")
        handle_waiting()
        delivery.refresh_from_db()
        assert delivery.state == State.QUEUED


class TestSoftBounces:
    def bounce(self, tell, days_ago: float) -> None:
        at = datetime.now(UTC) - timedelta(days=days_ago)
        tell("sparkpost", "soft", id=f"soft-{days_ago}", at=at)
        handle_waiting()

    def test_four_in_a_week_rest_the_address_for_bulk(self, tell):
        for days in (3, 2, 1):
            self.bounce(tell, days)
        assert stopped() == []
        self.bounce(tell, 0)
        assert stopped() == [("soft", "")]
        assert Suppression.objects.get().until > timezone.now() + timedelta(days=13)
        assert not Suppression.objects.stopping(["ann@example.com"], channel="x", is_bulk=False)

    def test_four_in_two_months_do_not(self, tell):
        for days in (45, 30, 15, 0):
            self.bounce(tell, days)
        assert stopped() == []

    def test_a_mail_that_arrives_wipes_them_out(self, tell):
        for days in (3, 2, 1, 0):
            self.bounce(tell, days)
        tell("sparkpost", "delivered", id="arrived")
        handle_waiting()
        assert stopped() == []
