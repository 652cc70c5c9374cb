"""Anymail's real backends against servers that answer as each provider does."""

from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import pytest
from django.urls import reverse

from mailroom.models import Delivery
from mailroom.webhooks.providers import SOURCES
from tests.mailroom.conftest import attempt
from tests.mailroom.fakes.http import Answer, HTTPServer

pytestmark = pytest.mark.django_db


class Provider(NamedTuple):
    """A provider: its URL up to the server's, where its key goes, and what it answers."""

    url: str
    path: str
    key: tuple[str, str]
    answer: Any
    id: str


PROVIDERS = {
    "postmark": Provider(
        "postmark://T0KEN?",
        "/email",
        ("X-Postmark-Server-Token", "T0KEN"),
        {
            "To": "alice@example.com",
            "SubmittedAt": "2026-11-23T09:00:00.0000000Z",
            "MessageID": "0a129aee",
            "ErrorCode": 0,
            "Message": "OK",
        },
        "0a129aee",
    ),
    "mailgun": Provider(
        "mailgun://T0KEN@mg.example?",
        "/mg.example/messages",
        ("Authorization", "Basic YXBpOlQwS0VO"),  # api:T0KEN
        {"id": "<20261123.1@mg.example>", "message": "Queued. Thank you."},
        "<20261123.1@mg.example>",
    ),
    "brevo": Provider(
        "brevo://T0KEN?",
        "/smtp/email",
        ("api-key", "T0KEN"),
        {"messageId": "<202611230900.1@smtp-relay.example>"},
        "<202611230900.1@smtp-relay.example>",
    ),
    "resend": Provider(
        "resend://T0KEN?",
        "/emails",
        ("Authorization", "Bearer T0KEN"),
        {"id": "49a3999c"},
        "49a3999c",
    ),
    "mailjet": Provider(
        "mailjet://T0KEN:S3CRET?",
        "/send",
        ("Authorization", "Basic VDBLRU46UzNDUkVU"),  # T0KEN:S3CRET
        {
            "Messages": [
                {
                    "Status": "success",
                    "To": [{"Email": "alice@example.com", "MessageID": 70650219165027410}],
                    "Cc": [],
                    "Bcc": [],
                }
            ]
        },
        "70650219165027410",
    ),
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_mail_goes_out_with_its_delivery_and_comes_back_with_the_providers_id(carry_by, name):
    provider = PROVIDERS[name]
    with HTTPServer(Answer(200, provider.answer)) as server:
        carry_by(f"{provider.url}api_url={server.url}")
        delivery = attempt("bulletin", to=["Alice <alice@example.com>"], subject="Good day")
        (call,) = server.calls

    header, value = provider.key
    body = unquote_plus(call.body.decode())
    assert (delivery.state, delivery.error) == (Delivery.State.SENT, "")
    assert delivery.provider_id == provider.id
    assert call.path == provider.path
    assert {name.lower(): text for name, text in call.headers.items()}[header.lower()] == value
    assert "alice@example.com" in body
    assert "bulletin@mailroom.test" in body
    assert "Good day" in body
    assert "delivery" in body  # in its metadata, for the webhook that will speak of it
    assert "T0KEN" not in body


OTHERS = ["mailtrap", "mandrill", "scaleway", "sendgrid", "sparkpost", "unisender-go"]


@pytest.mark.filterwarnings("ignore:django-anymail has dropped official support")
@pytest.mark.parametrize("scheme", [*OTHERS, "mailersend", "postal"])
def test_every_kind_of_provider_is_handed_a_mail_of_a_list(carry_by, scheme):
    headers = {"List-Unsubscribe": "<https://example.com/leave>", "List-Id": "<news.example>"}
    place = "@project" if scheme == "scaleway" else ""
    with HTTPServer(Answer(503, {})) as server:
        carry_by(f"{scheme}://T0KEN{place}?api_url={server.url}")
        delivery = attempt("bulletin", reply_to=["desk@mailroom.test"], headers=headers)

        assert [b"alice@example.com" in call.body for call in server.calls] == [True]
    assert delivery.state == Delivery.State.QUEUED


@pytest.mark.parametrize("name", [*PROVIDERS, "amazon_ses", "sendgrid", "sparkpost"])
def test_its_webhook_has_an_address(name):
    path = f"/mail/webhooks/{name}/tracking/"

    assert reverse("mail_webhook", args=[name]) == path
    assert name in SOURCES
