"""What the sandbox posts is taken by the site's real webhooks."""

import json
from collections.abc import Iterator

import pytest

from mailroom.delivery.feedback import handle_waiting
from mailroom.models import Delivery, Event, Suppression
from sandbox import webhooks
from sandbox.accounts import Account
from sandbox.apis import APIServer
from sandbox.behaviour import Mode
from sandbox.webhooks import Poster
from tests.mailroom.conftest import attempt
from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.webhooks.conftest import send
from tests.processes import until

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = {"postmark": "hook:a-secret-of-some-length", "mailgun": "signing-key-of-mailgun"}
MAILERS = {"postmark": "postmark://KEY?api_url={}", "mailgun": "mailgun://KEY@m.example?api_url={}"}


@pytest.fixture(params=KEYS)
def provider(request) -> str:
    return request.param


@pytest.fixture
def account(provider, settings) -> Account:
    settings.WEBHOOK_SECRETS = [KEYS["postmark"]]
    settings.WEBHOOK_KEYS = {"mailgun": [KEYS["mailgun"]]}
    return Account(provider, provider, 0, "KEY", "m.example", "http://site", KEYS[provider])


class Events(list[webhooks.ProviderEvent]):
    """Takes the place of the poster: `post()` posts them in the test's thread and transaction."""

    def report(self, account: Account, events: list[webhooks.ProviderEvent]) -> None:
        self.extend(events)


@pytest.fixture
def sandbox(account, carry_by) -> Iterator[APIServer]:
    with APIServer([account], poster=Events()) as server:
        carry_by(MAILERS[account.kind].format(server.url))
        yield server


def after_feedback(client, sandbox: APIServer, delivery: Delivery, number: int) -> Delivery:
    """The delivery once so many events were posted."""
    (account,) = sandbox.accounts
    until(lambda: len(sandbox.poster) >= number, "the provider's events")
    for event in sandbox.poster:
        made = webhooks.post_of(account.kind, event, account.webhook_key)
        assert send(client, account.kind, made).status_code == 200
    sandbox.poster.clear()
    handle_waiting()
    delivery.refresh_from_db()
    return delivery


def suppressed() -> list[tuple[str, str]]:
    return list(Suppression.objects.active().values_list("reason", "channel"))


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("ann", (["delivered"], "delivered", [])),
        ("bounce", (["hard_bounce"], "bounced", [("bounced", "")])),
        ("soft-bounce", (["soft_bounce"], "bounced", [])),
        ("complaint", (["complained", "delivered"], "complained", [("complained", "bulletin")])),
        ("deferred", (["deferred", "delivered"], "delivered", [])),
    ],
)
def test_each_recipients_course_comes_back_to_its_delivery(client, sandbox, to, expected):
    kinds, feedback, suppressions = expected
    delivery = attempt("bulletin", to=[f"{to}@example.com"])
    assert delivery.state == "sent"

    after_feedback(client, sandbox, delivery, len(kinds))

    assert sorted(Event.objects.values_list("kind", flat=True)) == kinds
    assert set(Event.objects.values_list("delivery", flat=True)) == {delivery.pk}
    assert delivery.feedback == feedback
    assert suppressed() == suppressions


def test_of_an_email_that_was_lost_nothing_is_heard(client, sandbox):
    sandbox.mode_of = lambda alias: Mode.LOSE
    assert attempt("bulletin").state == "sent"
    sandbox.mode_of = lambda alias: Mode.WORKS
    after_feedback(client, sandbox, attempt("bulletin", to=["bob@example.com"]), 1)

    assert list(Event.objects.values_list("address", flat=True)) == ["bob@example.com"]


def test_a_post_with_a_wrong_key_or_signature_is_refused(client, account, provider):
    event = webhooks.ProviderEvent(
        "failed permanent bounce", "ann@example.com", "1", {"delivery": "1"}
    )
    made = webhooks.post_of(provider, event, "another:key")

    assert send(client, provider, made).status_code in {400, 401, 403}
    assert not Event.objects.exists()


@pytest.mark.parametrize("provider", ["mailgun"])
def test_a_signature_is_good_for_its_own_token_alone(client, account, provider):
    event = webhooks.ProviderEvent("delivered", "ann@example.com", "1")
    made = webhooks.post_of(provider, event, account.webhook_key)
    told = json.loads(made.body)
    told["signature"]["token"] = "0" * 50

    made = made._replace(body=json.dumps(told).encode())
    assert send(client, provider, made).status_code == 400
    assert not Event.objects.exists()


def test_a_replayed_post_has_no_effect(client, sandbox, provider):
    delivery = attempt("bulletin", to=["bounce@example.com"])
    until(lambda: sandbox.poster, "the provider's event")
    made = webhooks.post_of(provider, sandbox.poster[0], KEYS[provider])

    assert {send(client, provider, made).status_code for _ in range(3)} == {200}
    after_feedback(client, sandbox, delivery, 1)  # signed anew, as Mailgun repeats an event

    assert Event.objects.count() == 1
    assert suppressed() == [("bounced", "")]


def test_an_event_is_posted_until_the_site_takes_it(account, provider, monkeypatch):
    monkeypatch.setattr("sandbox.webhooks.RETRY_SECONDS", (0.1, 0.1))
    poster = Poster()
    poster.start()
    with HTTPServer(Answer(503), Answer(400), Answer(200)) as site:
        there = Account(provider, provider, 0, webhook_url=site.url, webhook_key=KEYS[provider])
        poster.report(there, [webhooks.ProviderEvent("Delivery", "ann@example.com", "1")])
        until(lambda: len(site.calls) == 3, "three posts")
    poster.stop()

    assert b"ann@example.com" in site.calls[2].body
