"""Newsletters through APIs: many in one call, or many calls at once, and each has its outcome."""

import json
import threading
from base64 import b64decode
from email import message_from_bytes, policy
from email.utils import parseaddr
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives

from mailroom.messages.merge_fields import slot
from mailroom.messages.serializers import build
from mailroom.models import Delivery, Message
from mailroom.outbox import Recipient, add_deliveries, freeze
from sandbox.accounts import Account
from sandbox.apis import APIServer, merged
from sandbox.behaviour import Mode
from tests.mailroom.conftest import deliver
from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.fakes.smtp import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = "region_name=eu-west-1&aws_access_key_id=test&aws_secret_access_key=SECRET"


class Mailgun(APIServer):
    """Mailgun as the sandbox plays it. `url` is its mailer URL."""

    def __init__(self, mode: Mode = Mode.WORKS) -> None:
        account = Account("mailgun", "mailgun", 0, key="KEY", domain="mail.example.com")
        super().__init__([account], mode_of=lambda alias: mode)

    @property
    def mailer_url(self) -> str:
        return f"mailgun://KEY@mail.example.com?api_url={self.url}&timeout=60"

    def mails(self, call: int = -1) -> dict[str, dict[str, str]]:
        """What each recipient of a call gets, with their variables put in."""
        form = self.calls[call].form
        variables: Any = json.loads(form.get("recipient-variables", ["{}"])[0])
        addresses = [parseaddr(one)[1] for text in form["to"] for one in text.split(", ")]
        return {
            address: {
                name: values[0] for name, values in merged(form, variables.get(address, {})).items()
            }
            for address in addresses
        }


def queue(people: list[Recipient], text: str = "") -> Message:
    mail = EmailMultiAlternatives(
        f"News for {slot('name')}",
        f"Dear {slot('name')}, your code: {slot('code')}{text}",
        headers={"List-Unsubscribe": f"<https://mailroom.test/{slot('code')}>", "List-Id": "<l.x>"},
    )
    mail.attach_alternative(f"<p>Dear {slot('name')}: {slot('code')}</p>", "text/html")
    message = freeze(mail, "bulletin")
    add_deliveries(message, people)
    return message


def people(number: int) -> list[Recipient]:
    return [
        Recipient(f"p{n}@example.com", f"Reader <{n}> & co", {"code": f"c&{n}"})
        for n in range(number)
    ]


def states() -> set[str]:
    return set(Delivery.objects.values_list("state", flat=True))


class TestManyInOneCall:
    def test_each_gets_what_they_would_alone(self, carry_by):
        with Mailgun() as server:
            carry_by(server.mailer_url)
            message = queue(people(60))
            deliver()

        assert len(server.calls) == 1
        got = server.mails()
        for delivery in Delivery.objects.all():
            alone = build(message, [delivery])
            mail = got[delivery.address]
            assert mail["subject"] == alone.subject
            assert mail["text"] == alone.body
            assert mail["html"] == alone.alternatives[0][0]
            assert mail["h:List-Unsubscribe"] == alone.extra_headers["List-Unsubscribe"]
            assert mail["h:Message-Id"] == delivery.message_id_header
            assert mail["v:delivery"] == str(delivery.pk)
            assert (delivery.state, delivery.alias) == ("sent", "mailgun:mail.example.com")

    def test_a_call_holds_a_thousand(self, carry_by):
        with Mailgun() as server:
            carry_by(server.mailer_url)
            queue(people(1100))
            deliver()

        assert [len(server.mails(call)) for call in range(2)] == [1000, 100]
        assert states() == {"sent"}

    def test_one_impossible_address_costs_nobody_else_the_mail(self, carry_by):
        with Mailgun() as server:
            carry_by(server.mailer_url)
            queue([*people(20), Recipient("refused@example.com", "", {"name": "", "code": "1"})])
            deliver()

        failed = Delivery.objects.get(state="failed")
        assert failed.address == "refused@example.com"
        assert "not a valid address" in failed.error
        accepted = [to for call in range(len(server.calls)) for to in self.accepted(server, call)]
        assert sorted(accepted) == sorted(f"p{n}@example.com" for n in range(20))

    def accepted(self, server, call) -> list[str]:
        found = list(server.mails(call))
        return [] if "refused@example.com" in found else found

    def test_no_answer_makes_the_whole_call_uncertain(self, carry_by):
        with Mailgun(Mode.DROP) as server:
            carry_by(server.mailer_url)
            queue(people(30))
            deliver()

        assert len(server.calls) == 1
        assert states() == {"uncertain"}

    def test_refused_for_now_all_wait_or_take_the_next_provider(self, carry_by):
        with Mailgun(Mode.REFUSE) as server, SMTPServer() as second:
            carry_by(f"failover({server.mailer_url} {second.url})")
            queue(people(12))
            deliver()

        assert states() == {"sent"}
        assert len(second.received) == 12
        assert {one.mail["Subject"] for one in second.received} >= {"News for Reader <3> & co"}

    @pytest.mark.parametrize("name", ["%recipient.code%", "two\nlines", "\x07"])
    def test_a_name_that_the_provider_could_misread_goes_alone(self, carry_by, name):
        odd = Recipient("odd@example.com", "", {"name": name, "code": "1"})
        with Mailgun() as server:
            carry_by(server.mailer_url)
            queue([*people(3), odd])
            deliver()

        together = server.mails(0)
        assert "odd@example.com" not in together
        assert len(together) == 3

    def test_a_text_that_names_a_variable_of_the_provider_is_never_filled_in(self, carry_by):
        with Mailgun() as server:
            carry_by(server.mailer_url)
            queue(people(3), text=" %recipient.code%")
            deliver()

        assert len(server.calls) == 3
        assert all("recipient-variables" not in server.calls[call].form for call in range(3))


class TestCallsAtOnce:
    def test_several_calls_are_under_way_together(self, carry_by):
        together = threading.Barrier(8, timeout=30)  # no call is answered before eight have begun

        class Resend(HTTPServer):
            def next_answer(self) -> Answer:
                together.wait()
                return super().next_answer()

        with Resend(Answer(200, {"id": "1"})) as server:
            carry_by(f"resend://K?api_url={server.url}&timeout=60")
            queue(people(16))
            deliver()

        assert states() == {"sent"}
        assert sorted(call.json["to"][0] for call in server.calls) == sorted(
            f'"Reader <{n}> & co" <p{n}@example.com>' for n in range(16)
        )

    def test_nobody_knocks_at_a_door_that_is_shut(self, carry_by):
        with HTTPServer(Answer(401, {"message": "bad key"})) as server:
            carry_by(f"resend://K?api_url={server.url}")
            queue(people(100))
            deliver()

        assert len(server.calls) <= 16
        assert states() == {"queued"}


def test_ses_gets_the_bytes_that_smtp_would(carry_by):
    with HTTPServer(Answer(200, {"MessageId": "m-1"})) as server:
        carry_by(f"ses://?{KEYS}&endpoint_url={server.url}&timeout=30")
        message = queue(people(4))
        deliver()

    assert states() == {"sent"}
    assert set(Delivery.objects.values_list("provider_id", flat=True)) == {"m-1"}
    for call in server.calls:
        sent = call.json
        raw = message_from_bytes(b64decode(sent["Content"]["Raw"]["Data"]), policy=policy.default)
        (address,) = sent["Destination"]["ToAddresses"]
        delivery = Delivery.objects.get(address=address)
        alone = build(message, [delivery])
        assert raw["Subject"] == alone.subject
        assert raw["Message-ID"] == delivery.message_id_header
        metadata = json.loads(raw["X-Metadata"])
        assert metadata["delivery"] == str(delivery.pk)
        assert raw.get_body(("plain",)).get_content().rstrip("\r\n") == alone.body
        assert raw.get_body(("html",)).get_content().rstrip("\r\n") == alone.alternatives[0][0]
