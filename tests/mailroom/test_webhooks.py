"""What providers post: verified, once, in any order, and joined to the mail it is about."""

import base64
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from mailroom.models import Delivery, Event, Suppression
from mailroom.webhooks import sns
from mailroom.webhooks.checks import webhook_faults
from mailroom.webhooks.effects import feedback_of, handle_waiting
from tests.mailroom.conftest import queue
from tests.mailroom.fakes import webhooks
from tests.mailroom.fakes.webhooks import PROVIDERS, SIGNED, Told

pytestmark = pytest.mark.django_db

State, Reason = Delivery.State, Suppression.Reason


@pytest.fixture(autouse=True)
def _secrets(settings, in_memory, monkeypatch):
    settings.WEBHOOK_SECRETS = [webhooks.BASIC]
    settings.WEBHOOK_KEYS = {name: [key] for name, key in SIGNED.items()}
    certificate = webhooks.amazon()[1]
    monkeypatch.setattr(sns.requests, "get", lambda url, **_: _Answer(certificate))
    sns.certificate_key.cache_clear()


class _Answer:
    """Amazon's, to the question for its certificate."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def raise_for_status(self) -> None:
        pass


@pytest.fixture
def delivery() -> Delivery:
    """Sent in bulk, accepted by a provider."""
    row = queue("bulletin", to=["Ann@example.com"])[0]
    Delivery.objects.filter(pk=row.pk).update(state=State.SENT, provider_id="p-1", attempts=1)
    return row


@pytest.fixture
def tell(client, delivery):
    """Have a provider post what happened; the status of the answer."""

    def post(provider: str, kind: str, *, key: str = "", **told) -> int:
        about = Told(kind, told.pop("delivery", delivery.pk), **told)
        made = PROVIDERS[provider](about, key) if key else PROVIDERS[provider](about)
        answer = client.post(
            f"/mail/webhooks/{provider}/tracking/",
            made.body,
            content_type="application/json",
            headers=made.headers,
        )
        return answer.status_code

    return post


def feedback(delivery: Delivery) -> str:
    handle_waiting()
    delivery.refresh_from_db()
    return delivery.feedback


def stopped(address: str = "ann@example.com") -> list[tuple[str, str]]:
    return list(Suppression.objects.active().of(address).values_list("reason", "channel"))


@pytest.mark.parametrize("provider", PROVIDERS)
class TestEachProvider:
    def test_delivered(self, provider, tell, delivery):
        assert tell(provider, "delivered") == 200
        assert feedback(delivery) == "delivered"
        assert stopped() == []

    def test_a_hard_bounce_stops_all_mail(self, provider, tell, delivery):
        assert tell(provider, "hard") == 200
        assert feedback(delivery) == "bounced"
        assert stopped() == [("bounced", "")]

    def test_a_soft_bounce_stops_nothing(self, provider, tell, delivery):
        assert tell(provider, "soft") == 200
        assert feedback(delivery) == "bounced"
        assert stopped() == []

    def test_a_complaint_stops_the_stream_it_is_about(self, provider, tell, delivery):
        assert tell(provider, "complaint") == 200
        assert feedback(delivery) == "complained"
        assert stopped() == [("complained", "bulletin")]

    def test_an_event_counts_once_however_often_it_is_posted(self, provider, tell, delivery):
        assert {tell(provider, "hard") for _ in range(5)} == {200}
        handle_waiting()
        assert Event.objects.count() == 1
        assert Suppression.objects.count() == 1

    def test_an_old_time_stamp_changes_nothing(self, provider, tell, delivery):
        assert tell(provider, "hard", at=datetime.now(UTC) - timedelta(days=3)) == 200
        assert feedback(delivery) == "bounced"

    def test_a_wrong_secret_is_refused(self, provider, tell, settings):
        wrong = base64.b64encode(b"another key").decode()
        key = f"whsec_{wrong}" if provider == "resend" else "another:key"
        assert tell(provider, "hard", key=key) in {400, 401}
        assert not Event.objects.exists()

    def test_both_keys_are_good_while_one_is_changed(self, provider, tell, settings):
        settings.WEBHOOK_SECRETS = ["new:secret", webhooks.BASIC]
        new = "whsec_" + base64.b64encode(b"new").decode() if provider == "resend" else "new-key"
        settings.WEBHOOK_KEYS = {name: [new, key] for name, key in SIGNED.items()}
        newest = new if provider in SIGNED else "new:secret"
        assert tell(provider, "delivered", id="with-old") == 200
        assert tell(provider, "delivered", id="with-the-new", key=newest) == 200
        assert Event.objects.count() >= 1

    def test_without_any_secret_nothing_is_believed(self, provider, tell, settings):
        settings.WEBHOOK_SECRETS, settings.WEBHOOK_KEYS = [], {}
        assert tell(provider, "hard") == 400
        assert not Event.objects.exists()

    def test_what_nobody_can_read_is_refused(self, provider, client):
        made = PROVIDERS[provider](Told("hard", 1))
        answer = client.post(
            f"/mail/webhooks/{provider}/tracking/",
            b"[1",
            content_type="application/json",
            headers=made.headers,
        )
        assert answer.status_code == 400


class TestOddBodies:
    @pytest.fixture
    def post(self, client, delivery):
        """Post what Postmark would, with some values changed."""

        def run(**changes: str):
            made = PROVIDERS["postmark"](Told("hard", delivery.pk))
            body = json.dumps({**json.loads(made.body), **changes})
            address = "/mail/webhooks/postmark/tracking/"
            kind = "application/json"
            return client.post(address, body, content_type=kind, headers=made.headers)

        return run

    def test_half_a_character_and_a_nul_lose_no_event(self, post):
        answer = post(Description="cut off \ud83d", Details="a\0b", MessageID="x\ud83d\0")
        assert answer.status_code == 200
        assert Event.objects.get().description.startswith("cut off ?")

    def test_a_body_without_end_is_refused(self, post):
        assert post(Details="x" * 3_000_000).status_code == 400
        assert not Event.objects.exists()


class TestSNS:
    def test_a_changed_message_is_refused(self, client):
        made = webhooks.amazon_ses(Told("hard", 1))
        body = made.body.replace(b"ann@", b"bob@")
        path = "/mail/webhooks/amazon_ses/tracking/"
        answer = client.post(path, body, content_type="application/json", headers=made.headers)
        assert answer.status_code == 400
        assert not Event.objects.exists()

    @pytest.mark.parametrize(
        "url",
        [
            "http://sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
            "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        ],
    )
    def test_certificates_come_from_amazon_alone(self, url):
        with pytest.raises(ValueError, match="not Amazon's"):
            sns.certificate_key(url)

    def test_it_is_asked_for_the_secret_first(self, client):
        assert client.post("/mail/webhooks/amazon_ses/tracking/", b"{}", "json").status_code == 401


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


class TestSecrets:
    @pytest.mark.parametrize(
        ("url", "variable"),
        [("postmark://T", "WEBHOOK_SECRET"), ("mailgun://K@example.com", "WEBHOOK_KEY_MAILGUN")],
    )
    def test_a_missing_one_is_told(self, carry_by, settings, url, variable):
        settings.WEBHOOK_SECRETS, settings.WEBHOOK_KEYS = [], {}
        carry_by(f"failover(smtp://localhost {url})")
        assert [fault.split()[0] for fault in webhook_faults()] == [variable]

    def test_one_that_is_there_is_not(self, carry_by):
        carry_by("failover(postmark://T mailgun://K@example.com resend://K)")
        assert webhook_faults() == []
