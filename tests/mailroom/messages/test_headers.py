"""Headers for programs arrive in their own words; the caller's Message-ID is the only one."""

from datetime import UTC, datetime

import pytest
from django.core.mail import EmailMessage

from mailroom.messages.merge_fields import slot
from mailroom.models import Delivery
from mailroom.outbox import Recipient, add_deliveries, freeze
from sandbox.accounts import Account
from sandbox.apis import APIServer
from tests.mailroom.conftest import attempt, deliver, queue
from tests.mailroom.fakes.http import Answer, HTTPServer

pytestmark = pytest.mark.django_db

MINE = "<mine@x.example>"
LONG_ID = f"<{'a' * 150}@x.example>"
MANY_IDS = " ".join(f"<{number:0>60}@x.example>" for number in range(20))
LINK = f"<https://x.example/{'u' * 300}>"
FOR_PROGRAMS = {
    "In-Reply-To": LONG_ID,
    "References": MANY_IDS,
    "Feedback-ID": f"{'c' * 90}:letters:bulk:x",
    "List-Unsubscribe": f"{LINK}, <mailto:leave@x.example?subject={'s' * 100}>",
    "List-Id": f"A list <{'l' * 100}.x.example>",
    "X-Entity-Ref-ID": "e" * 120,
    "X-SMTPAPI": '{"unique_args":{"key":"' + "v" * 200 + '"}}',
}


def lines_of(raw: bytes, name: str) -> list[bytes]:
    """The lines of a header as they went over the wire, without their ends."""
    head = raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b"\n ")
    (found,) = [line for line in head.split(b"\r\n") if line.startswith(f"{name}:".encode())]
    return found.split(b"\n")


def header_names(raw: bytes) -> list[str]:
    head = raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ")
    return [line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n")]


@pytest.mark.parametrize("spelling", ["Message-ID", "message-id", "MESSAGE-ID", "Message-Id"])
@pytest.mark.parametrize("channel", ["letters", "bulletin"])
def test_the_message_id_of_the_caller_is_the_only_one(smtp, channel, spelling):
    delivery = attempt(channel, headers={spelling: MINE})

    raw = smtp.received[0].raw
    assert header_names(raw).count("message-id") == 1
    assert smtp.received[0].mail["Message-ID"] == MINE
    assert delivery.message_id_header == MINE


def test_it_stays_the_same_over_all_attempts(smtp):
    smtp.script.content = "451 not now"
    delivery = attempt("letters", headers={"message-id": MINE})
    smtp.script.content = ""
    Delivery.objects.update(not_before=delivery.created_at)
    deliver()

    assert smtp.received[0].mail["Message-ID"] == MINE


def test_mails_to_one_each_carry_it_too(smtp):
    mail = EmailMessage(f"For {slot('name')}", "Hello", headers={"message-id": MINE})
    add_deliveries(freeze(mail, "bulletin"), [Recipient("a@x.example", "A")])
    deliver()

    assert header_names(smtp.received[0].raw).count("message-id") == 1
    assert smtp.received[0].mail["Message-ID"] == MINE


def test_an_api_gets_it_once(carry_by):
    with APIServer([Account("postmark", "postmark", 0, "TOKEN")]) as server:
        carry_by(f"postmark://TOKEN?api_url={server.url}")
        attempt("letters", headers={"message-id": MINE})

        sent = [
            one for one in server.calls[0].json["Headers"] if one["Name"].lower() == "message-id"
        ]
    assert [one["Value"] for one in sent] == [MINE]


@pytest.mark.parametrize("personal", [False, True])
@pytest.mark.parametrize("name", FOR_PROGRAMS)
def test_a_long_header_for_programs_is_never_encoded(smtp, name, personal):
    value = FOR_PROGRAMS[name]
    headers = {name: f"{value} {slot('name')}" if personal else value}
    mail = EmailMessage("Hello", f"Dear {slot('name')}", headers=headers)
    add_deliveries(freeze(mail, "bulletin"), [Recipient("a@x.example", "Ada")])
    deliver()

    lines = lines_of(smtp.received[0].raw, name)
    text = b"".join(lines).decode()
    assert text == f"{name}: {value} Ada" if personal else text == f"{name}: {value}"
    assert all(line.strip() for line in lines)
    assert lines[0] != f"{name}:".encode()
    assert max(map(len, lines)) <= 998


def test_many_references_are_folded_between_them(smtp):
    attempt("letters", headers={"References": MANY_IDS})

    lines = lines_of(smtp.received[0].raw, "References")
    assert len(lines) > 10
    assert max(map(len, lines)) <= 100


def test_a_time_in_date_is_written_as_django_writes_it(smtp):
    attempt("letters", headers={"Date": datetime(2001, 11, 9, 1, 8, 47, tzinfo=UTC)})

    assert smtp.received[0].mail["Date"] == "Fri, 09 Nov 2001 01:08:47 +0000"


def test_a_subject_beyond_ascii_is_still_encoded(smtp):
    attempt("letters", subject="Grüße " * 30)

    assert b"Subject: =?utf-8?" in smtp.received[0].raw
    assert smtp.received[0].mail["Subject"].split() == ["Grüße"] * 30


class TestTwoSpellingsOfAnAddress:
    TO = ["Ann <A@x.example>", "b@bücher.example"]
    AGAIN = ["a@X.EXAMPLE", "B@xn--bcher-kva.example"]

    def test_get_one_copy_by_smtp(self, smtp):
        queue("letters", to=self.TO, cc=self.AGAIN, bcc=self.AGAIN)
        deliver()

        assert smtp.received[0].recipients == ["A@x.example", "b@xn--bcher-kva.example"]
        assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
        assert Delivery.objects.count() == 2

    def test_get_one_copy_by_an_api(self, carry_by):
        with HTTPServer(Answer(200, {"id": "1"})) as server:
            carry_by(f"resend://KEY?api_url={server.url}")
            queue("letters", to=self.TO, cc=self.AGAIN, bcc=self.AGAIN)
            deliver()
            call = server.calls[0].json

        assert [len(call.get(name, [])) for name in ("to", "cc", "bcc")] == [2, 0, 0]
        assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
