"""Every cell of the table in docs/feedback.md: the posted event has the effect named there."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailroom import signals
from mailroom.delivery.feedback import handle_waiting
from mailroom.models import Delivery, Event
from mailroom.webhooks.events import BY_REPLY, EVENTS, IGNORED, is_hard
from tests.mailroom.fakes import webhooks
from tests.mailroom.fakes.webhooks import DEAD, MAKERS, Told
from tests.mailroom.webhooks.conftest import State, feedback, send, stopped

pytestmark = pytest.mark.django_db
Kind = Event.Kind

DOCUMENT = Path(__file__).parents[3] / "docs" / "feedback.md"
ROW = re.compile(r"^\| ([A-Z][\w ]+) \| ([a-z ]+) \| (`.+`) \|$", re.MULTILINE)
# The effects by their names in the document. The samples' replies are those of a dead address.
EFFECTS = {
    "accepted": Kind.ACCEPTED,
    "delayed": Kind.DEFERRED,
    "delivered": Kind.DELIVERED,
    "soft bounce": Kind.SOFT_BOUNCE,
    "hard bounce": Kind.HARD_BOUNCE,
    "by reply": BY_REPLY,
    "not sent": Kind.REJECTED,
    "complained earlier": Kind.LISTED,
    "complaint": Kind.COMPLAINED,
    "unsubscribed": Kind.UNSUBSCRIBED,
    "no effect": Kind.NOTED,
    "not stored": IGNORED,
}
NAMES = {maker.title: name for name, maker in MAKERS.items()}


def documented() -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = {}
    for title, effect, cells in ROW.findall(DOCUMENT.read_text()):
        names = re.findall(r"`([^`]+)`", cells)
        found.setdefault(title, {}).update(dict.fromkeys(names, EFFECTS[effect]))
    return found


CELLS = [(title, name, kind) for title, row in documented().items() for name, kind in row.items()]
FEEDBACK = {
    Kind.DELIVERED: "delivered",
    Kind.SOFT_BOUNCE: "bounced",
    Kind.HARD_BOUNCE: "bounced",
    Kind.REJECTED: "bounced",
    Kind.LISTED: "bounced",
    Kind.COMPLAINED: "complained",
}
STOPPED = {
    Kind.HARD_BOUNCE: [("bounced", "")],
    Kind.LISTED: [("complained", "bulletin")],
    Kind.COMPLAINED: [("complained", "bulletin")],
}
# About an address, not about an email of ours.
WITHOUT_A_DELIVERY = re.compile(r"blacklist|whitelist|suppression\.")


def test_the_document_says_what_the_code_does():
    assert documented() == EVENTS


@pytest.mark.parametrize(("title", "name", "kind"), CELLS)
def test_each_cell(title, name, kind, tell, delivery):
    unsubscribed = []
    receiver = lambda sender, **told: unsubscribed.append(told["address"])  # noqa: E731
    signals.unsubscribed.connect(receiver)
    assert tell(NAMES[title], name) == 200
    told = feedback(delivery)
    signals.unsubscribed.disconnect(receiver)

    kind = Kind.HARD_BOUNCE if kind == BY_REPLY else kind
    assert list(Event.objects.values_list("kind", flat=True)) == ([kind] if kind else [])
    about = not WITHOUT_A_DELIVERY.match(name)
    assert told == (FEEDBACK.get(kind, "") if about else "")
    scope = STOPPED.get(kind, [])
    assert stopped() == (scope if about else [(reason, "") for reason, _ in scope])
    assert unsubscribed == (["ann@example.com"] if kind == Kind.UNSUBSCRIBED else [])


@pytest.mark.parametrize("provider", MAKERS)
def test_an_unknown_event_is_stored_and_changes_nothing(provider, client, delivery, admin_client):
    """A word that the provider invents tomorrow."""
    maker = MAKERS[provider]
    usual = maker.names[0]
    payload = json.dumps(maker.payload(usual, Told("", delivery.pk)))
    payload = payload.replace(f'"{usual.split()[0]}"', '"telepathy"')
    made = maker.sign(json.loads(payload.replace("activity.delivered", "x")), maker.key, "e1")
    Delivery.objects.update(state=State.UNCERTAIN)
    assert send(client, provider, made).status_code == 200
    assert feedback(delivery) == ""
    assert delivery.state == State.UNCERTAIN  # nothing says that the email was accepted
    event = Event.objects.get()
    assert event.kind == Kind.UNKNOWN
    assert "telepathy" in event.description

    shown = admin_client.get("/admin/mailroom/event/?kind__exact=unknown")
    assert "unknown" in shown.text
    assert "telepathy" in admin_client.get(f"/admin/mailroom/event/{event.pk}/change/").text


BATCHES = {
    "brevo": lambda one: one,
    "mailjet": lambda one: one[0],
    "mandrill": lambda one: one[0],
    "sendgrid": lambda one: one[0],
    "sparkpost": lambda one: one[0],
    "mailtrap": lambda one: one["events"][0],
    "unisender_go": lambda one: one["events_by_user"][0]["events"][0],
}
WRAPPED = {
    "mailtrap": lambda events: {"events": events},
    "unisender_go": lambda events: {"events_by_user": [{"user_id": 1, "events": events}]},
}


class TestBatches:
    def post(self, client, provider: str, elements: list) -> int:
        payload = WRAPPED.get(provider, lambda events: events)(elements)
        maker = MAKERS[provider]
        return send(client, provider, maker.sign(payload, maker.key, "batch")).status_code

    def elements(self, provider: str, delivery) -> tuple[dict, dict]:
        maker = MAKERS[provider]
        made = [maker.payload(maker.names[n], Told("", delivery.pk, id=f"e{n}")) for n in (0, 1)]
        first, second = (BATCHES[provider](one) for one in made)
        return first, second

    @pytest.mark.parametrize("provider", BATCHES)
    def test_all_elements_count(self, provider, client, delivery):
        assert self.post(client, provider, list(self.elements(provider, delivery))) == 200
        assert feedback(delivery) == "bounced"
        assert Event.objects.count() == 2

    @pytest.mark.parametrize("bad", [{}, {"event": None}, {"msys": 5}, 7, None, "x", [[]]])
    @pytest.mark.parametrize("provider", BATCHES)
    def test_one_bad_element_costs_no_other(self, provider, bad, client, delivery):
        first, second = self.elements(provider, delivery)
        assert self.post(client, provider, [first, bad, second]) == 200
        assert feedback(delivery) == "bounced"
        assert stopped() == [("bounced", "")]
        kinds = Event.objects.values_list("kind", flat=True)
        assert {Kind.DELIVERED, Kind.HARD_BOUNCE} <= set(kinds)

    def test_an_email_that_came_in_costs_mandrills_batch_nothing(self, client, delivery):
        _, hard = self.elements("mandrill", delivery)
        inbound = {"event": "inbound", "ts": 1, "msg": {"raw_msg": "Subject: Hi", "email": "x@y.z"}}
        assert self.post(client, "mandrill", [inbound, hard]) == 200
        assert feedback(delivery) == "bounced"

    def test_an_unreadable_element_keeps_no_values(self, client, delivery):
        assert self.post(client, "sendgrid", [{"who": "eve@example.com"}]) == 200
        handle_waiting()
        event = Event.objects.get()
        assert "who" in event.description
        assert "eve@" not in event.description

    def test_of_several_bounced_recipients_of_ses_a_bad_one_costs_no_other(self, client, delivery):
        payload = webhooks.ses_event("Bounce Permanent", Told("", delivery.pk))
        payload["bounce"]["bouncedRecipients"].insert(0, {"action": "failed"})
        assert send(client, "amazon_ses", MAKERS["amazon_ses"].sign(payload, webhooks.BASIC, "e1"))
        assert feedback(delivery) == "bounced"
        assert stopped() == [("bounced", "")]


class TestFullMailboxes:
    """They are soft, whatever class the provider gives them."""

    FULL = "552 5.2.2 The email account that you tried to reach is over quota."

    @pytest.mark.parametrize(
        ("provider", "name"),
        [
            ("sendgrid", "bounce"),
            ("mailgun", "failed permanent bounce"),
            ("mailtrap", "bounce"),
            ("postal", "MessageDeliveryFailed"),
            ("postmark", "Bounce HardBounce"),
            ("amazon_ses", "Bounce Permanent"),
            ("mandrill", "hard_bounce mailbox_full"),
            ("unisender_go", "hard_bounced err_mailbox_full"),
            ("mailjet", "bounce hard quota exceeded"),
        ],
    )
    def test_stop_nothing(self, provider, name, client, delivery):
        maker = MAKERS[provider]
        payload = json.dumps(maker.payload(name, Told("", delivery.pk)))
        payload = payload.replace(DEAD, self.FULL).replace('"5.1.1"', '"5.2.2"')
        made = maker.sign(json.loads(payload), maker.key, "e1")
        assert send(client, provider, made).status_code == 200
        assert feedback(delivery) == "bounced"
        assert stopped() == []
        assert Event.objects.get().kind == Kind.SOFT_BOUNCE


class TestSES:
    def test_raw_delivery_is_read_with_the_secret_alone(self, client, delivery):
        made = webhooks.raw_sns(webhooks.ses_event("Bounce Permanent", Told("", delivery.pk)))
        assert send(client, "amazon_ses", made).status_code == 200
        assert feedback(delivery) == "bounced"

    def test_raw_delivery_with_a_wrong_secret_is_refused(self, client, delivery):
        made = webhooks.raw_sns(webhooks.ses_event("Bounce Permanent", Told("", delivery.pk)))
        wrong = {"Authorization": "Basic " + base64.b64encode(b"hook:other").decode()}
        made = made._replace(headers=made.headers | wrong)
        assert send(client, "amazon_ses", made).status_code == 400
        assert not Event.objects.exists()

    def test_an_unsigned_message_that_does_not_say_so_is_refused(self, client, delivery):
        made = webhooks.raw_sns(webhooks.ses_event("Bounce Permanent", Told("", delivery.pk)))
        headers = {k: v for k, v in made.headers.items() if k != "x-amz-sns-rawdelivery"}
        assert send(client, "amazon_ses", made._replace(headers=headers)).status_code == 400

    @pytest.mark.parametrize("key", ["eventType", "notificationType"])
    def test_a_recipient_with_a_name_is_recognized(self, key, client, delivery):
        about = Told("", delivery.pk, address="Ann <Ann@example.com>")
        payload = webhooks.ses_event("Bounce Permanent", about)
        payload[key] = payload.pop("eventType")
        made = MAKERS["amazon_ses"].sign(payload, webhooks.BASIC, "e1")
        assert send(client, "amazon_ses", made).status_code == 200
        assert feedback(delivery) == "bounced"
        assert stopped() == [("bounced", "")]

    def test_the_time_is_that_of_the_bounce(self, tell):
        at = datetime.now(UTC) - timedelta(hours=4)
        tell("amazon_ses", "Bounce Permanent", at=at)
        assert Event.objects.get().happened_at == at


class TestEventIds:
    def test_mailgun_signs_a_repetition_anew_and_it_counts_once(self, client, delivery):
        payload = webhooks.mailgun_event("complained", Told("", delivery.pk))
        for token in ("first", "second"):
            send(client, "mailgun", MAKERS["mailgun"].sign(payload, webhooks.KEY, token))
        assert Event.objects.count() == 1

    def test_brevos_events_at_one_moment_are_told_apart_by_their_names(self, tell):
        at = datetime.now(UTC)
        tell("brevo", "soft_bounce", at=at)
        tell("brevo", "hard_bounce", at=at)
        assert Event.objects.count() == 2

    def test_an_old_event_counts(self, tell, delivery):
        """The providers' documents show samples with old dates; a late one is no forged one."""
        tell("postmark", "hard", at=datetime(2019, 11, 5, 16, 33, 54, tzinfo=UTC))
        assert feedback(delivery) == "bounced"
        assert stopped() == [("bounced", "")]


class TestErased:
    def test_a_late_report_does_not_bring_the_address_back(self, tell, delivery):
        from mailroom.outbox.personal_data import forget_address

        forget_address("ann@example.com")
        tell("postmark", "delivered")
        handle_waiting()
        assert Event.objects.get().address == ""


@pytest.mark.parametrize(
    ("reply", "hard"),
    [
        ("550 5.1.1 User unknown", True),
        ("smtp; 550 5.1.1 <x@y>: Recipient address rejected: User unknown", True),
        ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", True),
        ("550 No such user here", True),
        ("554 5.4.4 Host or domain name not found", True),
        ("556 5.1.10 Recipient address has null MX", True),
        ("550 5.2.1 The account is disabled", True),
        ("550", True),
        ("552 5.2.2 Over quota", False),
        ("550 5.1.1 mailbox is full", False),
        ("550 5.1.8 Sender address rejected", False),
        ("550 5.7.1 Message rejected as spam by content filtering", False),
        ("554 5.7.1 Recipient address rejected: policy", False),
        ("550 blocked by blacklist", False),
        ("552 5.3.4 Message too big", False),
        ("554 4.4.1 connection timed out", False),
        ("450 4.1.1 user unknown", False),
        ("450 user unknown", False),
        ("Connection refused by 5.1.1.7", False),
        ("", False),
    ],
)
def test_a_reply_is_hard_only_where_it_is_about_the_address(reply, hard):
    assert is_hard(reply) is hard


def test_a_projects_own_webhook_view_sends_anymails_signal(delivery):
    from anymail.signals import AnymailTrackingEvent, tracking

    event = AnymailTrackingEvent(
        event_type="bounced",
        esp_event={},
        event_id="1",
        recipient="ann@example.com",
        metadata={"delivery": delivery.pk},
        mta_response=DEAD,
    )
    tracking.send(sender=None, event=event, esp_name="Own Provider")
    assert feedback(delivery) == "bounced"
    assert stopped() == [("bounced", "")]
