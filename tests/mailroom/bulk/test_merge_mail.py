"""Bulk mail goes out from its skeleton where a mailer takes bytes, and whole where it does not."""

import pytest
from django.core.mail import EmailMultiAlternatives

from mailroom.bulk.merge_mail import PersonalMail
from mailroom.messages.merge_fields import slot
from mailroom.models import Delivery, Message
from mailroom.outbox import Recipient, add_deliveries, freeze
from tests.mailroom.conftest import deliver
from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.fakes.smtp import Script, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = [
    Recipient("ann@example.com", "Ann <b>", {"code": "1 & 2"}),
    Recipient("zoe@bücher.example", "Zoë", {"code": "3"}),
]


def queue_bulletin() -> Message:
    mail = EmailMultiAlternatives(
        f"News for {slot('name')}",
        f"Dear {slot('name')},\n.\nyour code: {slot('code')}",
        headers={"List-Unsubscribe": f"<https://mailroom.test/{slot('code')}>"},
    )
    mail.attach_alternative(f"<p>Dear {slot('name')}: {slot('code')}</p>", "text/html")
    message = freeze(mail, "bulletin")
    add_deliveries(message, PEOPLE)
    return message


@pytest.mark.parametrize(
    "route", ["{0}", "failover({0} {1})", "failover({1} {0})", "split(1 {0} 0 {1})"]
)
def test_each_gets_their_own_over_smtp(carry_by, route, monkeypatch):
    whole = []
    build = PersonalMail.whole
    monkeypatch.setattr(
        PersonalMail, "whole", lambda mail: whole.append(mail.delivery.address) or build(mail)
    )
    with SMTPServer() as server, SMTPServer(Script(greeting="421 no")) as dead:
        carry_by(route.format(server.url, dead.url))
        queue_bulletin()
        deliver()
        first, second = (one.mail for one in server.received)

    ann, zoe = Delivery.objects.order_by("pk")
    assert whole == [], "addresses are stored as they go over the wire"
    assert (first["To"], first["Subject"]) == ('"Ann <b>" <ann@example.com>', "News for Ann <b>")
    assert first["Message-ID"] == ann.message_id_header
    assert first["From"] == "Bulletin <bulletin@mailroom.test>"
    assert first["List-Unsubscribe"] == "<https://mailroom.test/1 & 2>"
    assert first.get_body(("plain",)).get_content() == "Dear Ann <b>,\r\n.\r\nyour code: 1 & 2\r\n"
    assert "<p>Dear Ann &lt;b&gt;: 1 &amp; 2</p>" in first.get_body(("html",)).get_content()
    assert second["Subject"] == "News for Zoë"
    assert second["Message-ID"] == zoe.message_id_header
    assert {ann.state, zoe.state} == {"sent"}


def test_a_provider_with_an_api_gets_the_whole_mail(carry_by):
    with HTTPServer(Answer(200, {"id": "1"})) as server, SMTPServer() as other:
        carry_by(f"failover(resend://K?api_url={server.url} {other.url})")
        queue_bulletin()
        deliver()
        first, _second = sorted((call for call in server.calls), key=lambda call: call.json["to"])

    assert first.json["subject"] == "News for Ann <b>"
    assert "your code: 1 & 2" in first.json["text"]
    assert other.received == []


def test_a_provider_with_a_from_of_its_own_gets_it(carry_by):
    with SMTPServer() as server:
        carry_by(f"{server.url}&from=other@example.com")
        queue_bulletin()
        deliver()

        assert {str(one.mail["From"]) for one in server.received} == {"other@example.com"}


def test_a_slot_without_a_value_fails_its_own_delivery_alone(smtp):
    message = queue_bulletin()
    add_deliveries(message, [Recipient("cy@example.com", "Cy")])
    deliver()

    failed = Delivery.objects.get(address="cy@example.com")
    assert (failed.state, len(smtp.received)) == ("failed", 2)
    assert "'code' has no value" in failed.error
