"""On a copy of the site no mail reaches a stranger, whatever carries it."""

import pytest

from mailroom.models import Delivery
from mailroom.outbox import Recipient, add_deliveries, freeze
from sandbox.accounts import Account
from sandbox.apis import APIServer
from tests.mailroom.conftest import deliver, queue
from tests.mailroom.fakes.smtp import Script, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)


def send_to_three() -> None:
    from django.core.mail import EmailMessage

    people = [Recipient(f"{name}@{host}", name) for name, host in THREE]
    add_deliveries(freeze(EmailMessage("News", "Body"), "bulletin"), people)
    deliver()


THREE = [("ann", "example.com"), ("bob", "example.org"), ("qa", "mailroom.test")]


def arrived(server) -> list[tuple[str, str]]:
    return sorted((one.recipients[0], str(one.mail["Subject"])) for one in server.received)


@pytest.mark.parametrize("pipelining", [False, True])
def test_one_address_gets_all_and_the_subject_says_who_was_meant(carry_by, settings, pipelining):
    settings.STAGING_MAIL = ["qa@mailroom.test"]
    with SMTPServer(Script(pipelining=pipelining)) as server:
        carry_by(server.url)
        send_to_three()

    assert arrived(server) == [
        ("qa@mailroom.test", "[staging] News"),
        ("qa@mailroom.test", "[staging] News (for ann@example.com)"),
        ("qa@mailroom.test", "[staging] News (for bob@example.org)"),
    ]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_an_allowed_domain_gets_its_own_and_nobody_else_anything(carry_by, settings):
    settings.STAGING_MAIL = ["@example.com"]
    with SMTPServer() as server:
        carry_by(server.url)
        send_to_three()

    assert arrived(server) == [("ann@example.com", "[staging] News")]
    held = Delivery.objects.exclude(address="ann@example.com").values_list("state", "reason")
    assert set(held) == {("skipped", "staging")}


def test_no_stranger_stays_among_several_recipients(carry_by, settings):
    settings.STAGING_MAIL = ["qa@mailroom.test", "@example.com"]
    with SMTPServer() as server:
        carry_by(server.url)
        queue(to=["ann@example.com"], cc=["bob@example.org"], bcc=["cy@example.net"])
        deliver()

    (mail,) = server.received
    assert set(mail.recipients) == {"ann@example.com", "qa@mailroom.test"}
    assert "bob" not in str(mail.mail["Cc"])


def test_a_batch_call_holds_no_stranger(carry_by, settings):
    settings.STAGING_MAIL = ["qa@mailroom.test"]
    with APIServer([Account("mailgun", "mailgun", 0, "KEY", "mail.example.com")]) as server:
        carry_by(f"mailgun://KEY@mail.example.com?api_url={server.url}")
        send_to_three()

    assert len(server.calls) == 3
    assert not any(b"example.com%3E" in call.body for call in server.calls)
