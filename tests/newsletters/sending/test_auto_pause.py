"""The sending stops by itself before it does harm, says why, and goes on when a person says so."""

import pytest
from django.core import mail
from django.utils import timezone

from mailroom.delivery import breaker, engine
from mailroom.models import Delivery, Event
from newsletters.models import Issue, Subscription
from newsletters.sending import auto_pause, controls, publish
from newsletters.sending.skip import ISSUE_CANCELLED
from notifications.models import Notification
from tests.mailroom.fakes.smtp import Script, SMTPServer

pytestmark = pytest.mark.usefixtures("outbox_mailers")

State, Feedback = Delivery.State, Delivery.Feedback


@pytest.fixture
def under_way(draft, weekly, editor) -> Issue:
    """Published and queued to a thousand."""
    Subscription.objects.bulk_create(
        Subscription(
            newsletter=weekly,
            email=f"reader{number:04}@example.com",
            state=Subscription.State.CONFIRMED,
            confirmed_at=timezone.now(),
        )
        for number in range(1000)
    )
    publish.publish(draft)
    draft.refresh_from_db()
    publish.queue_deliveries(draft)
    return draft


def end(number: int, state: str, skip: int = 0, **fields) -> list[int]:
    """Give so many deliveries an outcome, one after the other."""
    ids = list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[skip : skip + number])
    rows = Delivery.objects.filter(pk__in=ids)
    rows.update(state=state, finished_at=timezone.now(), **fields)
    return ids


def hard_bounces(ids: list[int]) -> None:
    Delivery.objects.filter(pk__in=ids).update(feedback=Feedback.BOUNCED)
    Event.objects.bulk_create(
        Event(provider="postmark", event_id=str(pk), kind="hard_bounce", delivery_id=pk)
        for pk in ids
    )


def outcome(issue: Issue) -> tuple[str, str]:
    auto_pause.look()
    issue.refresh_from_db()
    return issue.state, issue.stop_reason


class TestThresholds:
    def test_an_issue_with_nothing_left_to_send_is_not_paused(self, under_way):
        end(1000, State.SENT, feedback=Feedback.COMPLAINED)
        assert outcome(under_way) == ("sending", "")

        publish.finish()
        under_way.refresh_from_db()
        assert under_way.state == "sent"

    def test_many_complaints(self, under_way):
        ids = end(900, State.SENT)
        Delivery.objects.filter(pk__in=ids[:5]).update(feedback=Feedback.COMPLAINED)
        assert outcome(under_way) == ("paused", "5 readers out of 900 complained.")

    def test_a_few_are_nobodys_fault(self, under_way):
        ids = end(900, State.SENT)
        Delivery.objects.filter(pk__in=ids[:4]).update(feedback=Feedback.COMPLAINED)
        assert outcome(under_way) == ("sending", "")

    def test_many_out_of_very_many_are_few(self, under_way, settings):
        settings.ISSUE_STOP_COMPLAINTS = 0.01
        ids = end(900, State.SENT)
        Delivery.objects.filter(pk__in=ids[:9]).update(feedback=Feedback.COMPLAINED)
        assert outcome(under_way) == ("sending", "")

    def test_hard_bounces_at_once_and_later_count_together(self, under_way):
        ids = end(180, State.SENT)
        hard_bounces(ids[:5])
        end(6, State.FAILED, skip=180)
        reason = "11 emails out of 186 were permanently rejected."
        assert outcome(under_way) == ("paused", reason)

    def test_full_mailboxes_are_no_hard_bounces(self, under_way):
        ids = end(100, State.SENT)
        Delivery.objects.filter(pk__in=ids[:20]).update(feedback=Feedback.BOUNCED)
        assert outcome(under_way) == ("sending", "")

    def test_a_run_of_failures_in_the_words_of_the_last(self, under_way):
        end(900, State.SENT)
        end(25, State.FAILED, skip=900, error="554 5.7.1 you are blocked")
        state, reason = outcome(under_way)
        assert state == "paused"
        assert reason == "The last 25 emails all failed: 554 5.7.1 you are blocked"

    def test_a_run_that_was_broken_is_none(self, under_way):
        end(900, State.SENT)
        end(24, State.FAILED, skip=900)
        end(1, State.SENT, skip=924)
        assert outcome(under_way) == ("sending", "")


class TestStopped:
    def test_nothing_goes_out_and_the_editors_are_told_once(self, under_way, drain):
        end(25, State.FAILED, error="554 no")
        outcome(under_way)
        outcome(under_way)
        drain()
        assert mail.outbox == []
        (told,) = Notification.objects.filter(kind="issue_stopped")
        assert "554 no" in told.data["reason"]
        entry = under_way.history.first()
        assert (entry.step, entry.who) == ("stopped", "")

    def test_resumed_it_goes_on_although_the_past_was_bad(self, under_way, drain, desk):
        end(25, State.FAILED, error="554 no")
        outcome(under_way)
        page = f"/admin/newsletters/issue/{under_way.pk}/"
        assert "Paused automatically" in desk.get(f"{page}change/").text

        desk.post(f"{page}resume/")

        assert outcome(under_way) == ("sending", "")
        drain()
        assert Delivery.objects.filter(state=State.SENT).count() == 975

    def test_what_is_over_is_not_stopped(self, under_way):
        end(1000, State.FAILED)
        Issue.objects.update(state=Issue.State.SENT)
        assert outcome(under_way) == ("sent", "")

    def test_the_number_of_queries_does_not_grow(self, under_way, django_assert_max_num_queries):
        end(900, State.SENT)
        with django_assert_max_num_queries(5):
            auto_pause.look()


class TestAnAccountThatIsRefused:
    @pytest.fixture
    def server(self, settings):
        with SMTPServer(Script(mail="535 5.7.8 wrong password")) as server:
            settings.MAILERS["memory"] = {
                "BACKEND": "mailroom.backends.smtp.EmailBackend",
                "OPTIONS": {"host": "127.0.0.1", "port": server.port, "timeout": 20},
            }
            yield server

    def test_stops_at_once_in_the_providers_words_and_resumes(self, under_way, server):
        Delivery.objects.exclude(address__endswith="0@example.com").delete()
        engine.deliver_due("newsletters")
        under_way.refresh_from_db()
        assert under_way.state == "paused"
        assert "rejects our account: 535 5.7.8 wrong password" in under_way.stop_reason
        assert server.received == []

        server.script.mail = ""
        controls.resume(under_way)
        breaker.try_now("memory")
        engine.deliver_due("newsletters")
        assert len(server.received) == 100


class TestBehindTheBackOfAPause:
    """A mail in flight, refused for now, comes back into the queue after somebody stopped all."""

    def back(self, pk: int) -> None:
        Delivery.objects.filter(pk=pk).update(state=State.QUEUED, not_before=timezone.now())

    def test_it_waits_with_the_others(self, under_way, drain):
        first = Delivery.objects.order_by("pk").first()
        controls.pause(under_way)
        self.back(first.pk)
        drain()
        assert mail.outbox == []

        controls.resume(under_way)
        drain()
        assert len(mail.outbox) == 1000

    def test_it_is_skipped_where_the_rest_was_cancelled(self, under_way, drain):
        first = Delivery.objects.order_by("pk").first()
        controls.cancel_issue(under_way)
        self.back(first.pk)
        drain()
        assert mail.outbox == []
        first.refresh_from_db()
        assert (first.state, first.reason) == ("skipped", ISSUE_CANCELLED)
