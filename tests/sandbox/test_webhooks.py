"""What the sandbox posts is taken by the site's real webhooks, over HTTP."""

import json
from collections.abc import Iterator

import pytest
import requests

from mailroom.models import Delivery, Event, Suppression
from mailroom.webhooks.process import handle_waiting
from sandbox import webhooks
from sandbox.accounts import Account
from sandbox.apis import APIServer
from sandbox.behaviour import Mode
from sandbox.webhooks import Poster
from tests.mailroom.conftest import attempt
from tests.processes import until

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = {"postmark": "hook:a-secret-of-some-length", "mailgun": "signing-key-of-mailgun"}
MAILERS = {"postmark": "postmark://KEY?api_url={}", "mailgun": "mailgun://KEY@m.example?api_url={}"}


@pytest.fixture(params=KEYS)
def provider(request) -> str:
    return request.param


@pytest.fixture
def account(provider, live_server, settings) -> Account:
    settings.WEBHOOK_SECRETS = [KEYS["postmark"]]
    settings.WEBHOOK_KEYS = {"mailgun": [KEYS["mailgun"]]}
    url = f"{live_server.url}/mail/webhooks/{provider}/tracking/"
    return Account(provider, provider, 0, "KEY", "m.example", url, KEYS[provider])


@pytest.fixture
def sandbox(account, carry_by, monkeypatch) -> Iterator[APIServer]:
    monkeypatch.setattr("sandbox.webhooks.RETRY_SECONDS", (0.1, 0.1))
    poster = Poster()
    poster.start()
    with APIServer([account], poster=poster) as server:
        carry_by(MAILERS[account.kind].format(server.url))
        yield server
    poster.stop()


def after_feedback(delivery: Delivery, number: int) -> Delivery:
    """The delivery once so many events have come in."""
    until(lambda: Event.objects.count() >= number, "the provider's posts")
    handle_waiting()
    delivery.refresh_from_db()
    return delivery


def suppressed() -> list[tuple[str, str]]:
    return list(Suppression.objects.active().values_list("reason", "channel"))


@pytest.mark.parametrize(
    ("to", "kinds", "feedback", "suppressions"),
    [
        ("ann", ["delivered"], "delivered", []),
        ("bounce", ["hard_bounce"], "bounced", [("bounced", "")]),
        ("soft-bounce", ["soft_bounce"], "bounced", []),
        ("complaint", ["complained", "delivered"], "complained", [("complained", "bulletin")]),
        ("deferred", ["deferred", "delivered"], "delivered", []),
    ],
)
def test_each_recipients_course_comes_back_to_its_delivery(
    sandbox, to, kinds, feedback, suppressions
):
    delivery = attempt("bulletin", to=[f"{to}@example.com"])
    assert delivery.state == "sent"

    after_feedback(delivery, len(kinds))

    assert sorted(Event.objects.values_list("kind", flat=True)) == kinds
    assert set(Event.objects.values_list("delivery", flat=True)) == {delivery.pk}
    assert delivery.feedback == feedback
    assert suppressed() == suppressions


def test_of_an_email_that_was_lost_nothing_is_heard(sandbox):
    sandbox.mode_of = lambda alias: Mode.LOSE
    assert attempt("bulletin").state == "sent"
    sandbox.mode_of = lambda alias: Mode.WORKS
    after_feedback(attempt("bulletin", to=["bob@example.com"]), 1)

    assert list(Event.objects.values_list("address", flat=True)) == ["bob@example.com"]


def test_a_post_with_a_wrong_key_or_signature_is_refused(account):
    event = webhooks.Event("failed permanent bounce", "ann@example.com", "1", {"delivery": "1"})
    made = webhooks.post_of(account.kind, event, "another:key")
    headers = {**made.headers, "Content-Type": made.content_type}

    answer = requests.post(account.webhook_url, made.body, headers=headers, timeout=10)

    assert answer.status_code in {400, 401, 403}
    assert not Event.objects.exists()


def test_a_signature_is_good_for_its_own_token_alone(account, provider):
    if provider != "mailgun":
        pytest.skip("Postmark signs nothing")
    event = webhooks.Event("delivered", "ann@example.com", "1")
    told = json.loads(webhooks.post_of(account.kind, event, account.webhook_key).body)
    told["signature"]["token"] = "0" * 50

    assert requests.post(account.webhook_url, json=told, timeout=10).status_code == 400


def test_a_replayed_post_has_no_effect(account, sandbox):
    delivery = attempt("bulletin", to=["bounce@example.com"])
    after_feedback(delivery, 1)
    known = {"delivery": str(delivery.pk)}
    name = {"postmark": "Bounce HardBounce", "mailgun": "failed permanent bounce"}[account.kind]
    event = webhooks.Event(name, "bounce@example.com", delivery.provider_id, known)
    for made in [webhooks.post_of(account.kind, event, account.webhook_key)] * 3:
        headers = {**made.headers, "Content-Type": made.content_type}
        assert requests.post(account.webhook_url, made.body, headers=headers, timeout=10).ok
    handle_waiting()

    assert Event.objects.count() == 2  # the sandbox's own, and the replayed one once
    assert suppressed() == [("bounced", "")]


def test_an_event_is_posted_until_the_site_takes_it(account, sandbox, settings):
    secrets, keys = settings.WEBHOOK_SECRETS, settings.WEBHOOK_KEYS
    settings.WEBHOOK_SECRETS, settings.WEBHOOK_KEYS = [], {}
    delivery = attempt("bulletin")
    settings.WEBHOOK_SECRETS, settings.WEBHOOK_KEYS = secrets, keys

    assert after_feedback(delivery, 1).feedback == "delivered"
