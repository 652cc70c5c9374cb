"""What real SMTP dialogues mean for a delivery; docs/outcomes.md has the table with its sources."""

import base64
from dataclasses import replace
from typing import NamedTuple

import pytest

from mailroom.models import Attempt, Delivery, MailerHealth
from tests.mailroom.conftest import attempt
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import DROP, SILENCE, Script, SMTPServer

pytestmark = pytest.mark.django_db

QUEUED, SENT = Delivery.State.QUEUED, Delivery.State.SENT
FAILED, UNCERTAIN = Delivery.State.FAILED, Delivery.State.UNCERTAIN


class Case(NamedTuple):
    """A server's behaviour, and the states it leaves a transactional and a bulk delivery in."""

    script: Script
    transactional: str
    bulk: str
    error: str = ""


CASES = {
    "accepted": Case(Script(), SENT, SENT),
    "greeting 554": Case(Script(greeting="554 go away"), QUEUED, QUEUED, "554"),
    "greeting 421": Case(Script(greeting="421 too busy"), QUEUED, QUEUED, "421"),
    "no greeting": Case(Script(greeting=SILENCE), QUEUED, QUEUED, "timed out"),
    "dropped at once": Case(Script(greeting=DROP), QUEUED, QUEUED, "closed"),
    "MAIL 451": Case(Script(mail="451 not now"), QUEUED, QUEUED, "451"),
    "MAIL 530": Case(Script(mail="530 authenticate first"), QUEUED, QUEUED, "530"),
    "MAIL 550": Case(Script(mail="550 not from you"), FAILED, FAILED, "550"),
    "MAIL 552": Case(Script(mail="552 too large"), FAILED, FAILED, "552"),
    "RCPT 421": Case(Script(rcpt={"*": "421 closing"}), QUEUED, QUEUED, "421"),
    "RCPT 450": Case(Script(rcpt={"*": "450 mailbox busy"}), QUEUED, QUEUED, "450"),
    "RCPT 452": Case(Script(rcpt={"*": "452 mailbox full"}), QUEUED, QUEUED, "452"),
    "RCPT 550": Case(Script(rcpt={"*": "550 no such user"}), FAILED, FAILED, "550 no such user"),
    "RCPT dropped": Case(Script(rcpt={"*": DROP}), QUEUED, QUEUED, "closed"),
    "RCPT silent": Case(Script(rcpt={"*": SILENCE}), QUEUED, QUEUED, "timed out"),
    "RCPT nonsense": Case(Script(rcpt={"*": "what?"}), QUEUED, QUEUED, "-1"),
    "DATA 451": Case(Script(data="451 not now"), QUEUED, QUEUED, "451"),
    "DATA 552": Case(Script(data="552 too large"), FAILED, FAILED, "552"),
    "DATA dropped": Case(Script(data=DROP), QUEUED, QUEUED, "closed"),
    "content 421": Case(Script(content="421 closing"), QUEUED, QUEUED, "421"),
    "content 451": Case(Script(content="451 not now"), QUEUED, QUEUED, "451"),
    "content 552": Case(Script(content="552 too large"), FAILED, FAILED, "552"),
    "content 554": Case(Script(content="554 spam"), FAILED, FAILED, "554 spam"),
    "content nonsense": Case(Script(content="hm"), QUEUED, UNCERTAIN, "no answer"),
    "content then dropped": Case(Script(content=DROP), QUEUED, UNCERTAIN, "no answer"),
    "content then silence": Case(Script(content=SILENCE), QUEUED, UNCERTAIN, "timed out"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("channel", ["letters", "bulletin"])
@pytest.mark.parametrize("pipelining", [False, True])
def test_an_answer_of_the_server_decides(carry_by, name, channel, pipelining):
    case = CASES[name]
    with SMTPServer(replace(case.script, pipelining=pipelining)) as server:
        carry_by(server.url)
        delivery = attempt(channel)

    assert delivery.state == (case.bulk if channel == "bulletin" else case.transactional)
    assert case.error in delivery.error
    assert delivery.attempts == 1
    assert len(server.received) == (delivery.state == SENT)


def test_a_connection_lost_in_the_middle_of_the_content_accepted_nothing(carry_by):
    with SMTPServer(Script(deaf=True)) as server:
        carry_by(server.url)
        delivery = attempt("bulletin", body="A long line of text.\n" * 500_000)

    assert delivery.state == QUEUED


def test_a_refused_connection_is_tried_again(carry_by):
    carry_by(f"smtp+plain://127.0.0.1:{closed_port()}")

    delivery = attempt("bulletin")

    assert delivery.state == QUEUED
    assert "Connection refused" in delivery.error


def test_a_name_that_does_not_resolve_is_tried_again(carry_by):
    carry_by("smtp+plain://mail.invalid:25?timeout=1")

    delivery = attempt("bulletin")

    assert delivery.state == QUEUED
    assert "gaierror" in delivery.error


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_without_tls_gets_nothing_from_a_mailer_with_it(smtp, carry_by, scheme):
    carry_by(smtp.url.replace("smtp+plain", scheme))

    delivery = attempt("bulletin")

    assert delivery.state == QUEUED
    assert smtp.transactions == []


def test_wrong_credentials_are_tried_again_since_the_mail_is_not_at_fault(smtp, carry_by):
    smtp.script.password = "right"
    carry_by(smtp.url.replace("://", "://user:wrong@"))

    delivery = attempt("bulletin")

    assert delivery.state == QUEUED
    assert delivery.error.startswith("535")


@pytest.mark.parametrize("step", ["mail", "rcpt", "content"])
def test_credentials_that_a_reply_repeats_are_stored_nowhere(smtp, carry_by, step):
    pair = base64.b64encode(b"\0user\0canary/word").decode()
    reply = f"451 no canary/word, {pair}"
    smtp.script.password = "canary/word"
    setattr(smtp.script, step, {"*": reply} if step == "rcpt" else reply)
    carry_by(smtp.url.replace("://", "://user:canary%2Fword@"))

    delivery = attempt()

    stored = [*Delivery.objects.values(), *Attempt.objects.values(), *MailerHealth.objects.values()]
    assert delivery.error.startswith("451 no ***, ***")
    assert "canary" not in str(stored)
    assert pair not in str(stored)


def test_percent_encoded_credentials_reach_the_server(smtp, carry_by):
    smtp.script.password = "p@ss:w/rd"
    carry_by(smtp.url.replace("://", "://user:p%40ss%3Aw%2Frd@"))

    assert attempt().state == SENT
