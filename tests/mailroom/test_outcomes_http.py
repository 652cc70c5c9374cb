"""What answers of mail APIs mean for a delivery, through Anymail's own backends."""

from datetime import timedelta
from typing import NamedTuple

import pytest
from django.utils import timezone
from django.utils.http import http_date

from mailroom.delivery.breaker import try_now
from mailroom.models import Delivery
from tests.mailroom.conftest import attempt
from tests.mailroom.fakes.http import DROP, Answer, HTTPServer
from tests.mailroom.fakes.ports import closed_port

pytestmark = pytest.mark.django_db

QUEUED, SENT = Delivery.State.QUEUED, Delivery.State.SENT
FAILED, UNCERTAIN = Delivery.State.FAILED, Delivery.State.UNCERTAIN

ACCEPTED = {
    "postmark": {
        "To": "alice@example.com",
        "SubmittedAt": "2026-11-23T09:00:00.0000000Z",
        "MessageID": "0a129aee-e1cd-480d-b08d-4f48548ff48d",
        "ErrorCode": 0,
        "Message": "OK",
    },
    "resend": {"id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"},
}


class Case(NamedTuple):
    """An answer, and the states it leaves a transactional and a bulk delivery in."""

    answer: Answer
    transactional: str
    bulk: str


CASES = {
    "400": Case(Answer(400, {"message": "bad"}), FAILED, FAILED),
    "401": Case(Answer(401, {"message": "bad token"}), QUEUED, QUEUED),
    "402": Case(Answer(402, {"message": "pay first"}), QUEUED, QUEUED),
    "403": Case(Answer(403, {"message": "domain not verified"}), QUEUED, QUEUED),
    "404": Case(Answer(404, {"message": "not found"}), FAILED, FAILED),
    "408": Case(Answer(408), QUEUED, QUEUED),
    "413": Case(Answer(413, "too large"), FAILED, FAILED),
    "429": Case(Answer(429, {}, {"Retry-After": "900"}), QUEUED, QUEUED),
    "500": Case(Answer(500, "oops"), QUEUED, QUEUED),
    "501": Case(Answer(501, "oops"), QUEUED, UNCERTAIN),
    "502": Case(Answer(502, "<html>bad gateway"), QUEUED, UNCERTAIN),
    "503": Case(Answer(503, "maintenance"), QUEUED, QUEUED),
    "504": Case(Answer(504, "gateway time-out"), QUEUED, UNCERTAIN),
    "200, not JSON": Case(Answer(200, "<html>hello"), QUEUED, UNCERTAIN),
    "200, other JSON": Case(Answer(200, ["?"]), QUEUED, UNCERTAIN),
    "200, cut short": Case(Answer(200, "{", cut=True), QUEUED, UNCERTAIN),
    "dropped": Case(Answer(DROP), QUEUED, UNCERTAIN),
    "too late": Case(Answer(200, "{}", after=1.5), QUEUED, UNCERTAIN),
}


@pytest.mark.parametrize("provider", ACCEPTED)
@pytest.mark.parametrize("name", CASES)
def test_an_answer_of_the_provider_decides(carry_by, name, provider):
    case = CASES[name]
    with HTTPServer(case.answer) as server:
        seconds = 1 if case.answer.after else 20
        carry_by(f"{provider}://TOKEN?api_url={server.url}&timeout={seconds}")
        letter = attempt("letters")
        try_now(provider)  # one that asks to wait gets nothing before
        bulletin = attempt("bulletin")

    assert (letter.state, bulletin.state) == (case.transactional, case.bulk)
    assert letter.error
    assert len(server.calls) == 2


@pytest.mark.parametrize("provider", ACCEPTED)
def test_an_accepted_mail_keeps_the_id_of_the_provider(carry_by, provider):
    with HTTPServer(Answer(200, ACCEPTED[provider])) as server:
        carry_by(f"{provider}://TOKEN?api_url={server.url}")
        delivery = attempt("bulletin")

    assert delivery.state == SENT
    assert delivery.alias == provider
    assert delivery.provider_id in ACCEPTED[provider].values()


POSTMARK_REFUSALS = {
    "300 bad To": (300, "Invalid 'To' address: 'alice@example.com'.", FAILED),
    "300 bad From": (300, "Invalid 'From' address: 'x'.", FAILED),
    "400 unknown sender": (400, "The 'From' address is no Sender Signature.", QUEUED),
    "405 no credits": (405, "Not allowed to send: you ran out of credits.", QUEUED),
    "406 inactive": (
        406,
        "Found inactive addresses: alice@example.com. Inactive recipients are ones that bounced.",
        FAILED,
    ),
    "412 pending": (412, "While your account is pending approval …", QUEUED),
}


@pytest.mark.parametrize("name", POSTMARK_REFUSALS)
def test_postmark_says_in_a_code_whose_fault_a_422_is(carry_by, name):
    code, text, state = POSTMARK_REFUSALS[name]
    with HTTPServer(Answer(422, {"ErrorCode": code, "Message": text})) as server:
        carry_by(f"postmark://TOKEN?api_url={server.url}")
        delivery = attempt("bulletin")

    assert delivery.state == state


def test_a_422_of_another_provider_is_for_good(carry_by):
    with HTTPServer(Answer(422, {"message": "Invalid `to` field."})) as server:
        carry_by(f"resend://KEY?api_url={server.url}")
        delivery = attempt("bulletin")

    assert delivery.state == FAILED


def test_retry_after_is_waited_for(carry_by):
    with HTTPServer(CASES["429"].answer) as server:
        carry_by(f"postmark://TOKEN?api_url={server.url}")
        delivery = attempt("bulletin")

    waits = (delivery.not_before - delivery.created_at).total_seconds()
    assert 900 <= waits < 960


@pytest.mark.parametrize("form", ["0", "2", "1.5", "date", "a date that is over"])
def test_retry_after_counts_as_no_attempt_in_each_of_its_forms(carry_by, form):
    soon = timezone.now() + timedelta(seconds=-60 if "over" in form else 2)
    header = http_date(soon.timestamp()) if "date" in form else form
    with HTTPServer(Answer(429, {}, {"Retry-After": header})) as server:
        carry_by(f"postmark://TOKEN?api_url={server.url}")
        delivery = attempt("bulletin")

    assert (delivery.state, delivery.attempts) == (QUEUED, 0)
    waits = (delivery.not_before - delivery.created_at).total_seconds()
    assert 0 < waits < 60


@pytest.mark.parametrize("absurd", ["9" * 30, "-5", "nan", "soon", "٣"])
def test_an_absurd_retry_after_puts_nothing_off_for_ever(carry_by, absurd):
    answer = Answer(429, {}, {"Retry-After": absurd.encode().decode("latin-1")})
    with HTTPServer(answer) as server:
        carry_by(f"postmark://TOKEN?api_url={server.url}")
        delivery = attempt("bulletin")

    assert delivery.state == QUEUED
    assert (delivery.not_before - delivery.created_at).days <= 1


def test_a_provider_that_can_not_be_reached_is_tried_again(carry_by):
    carry_by(f"postmark://TOKEN?api_url=http://127.0.0.1:{closed_port()}/")

    assert attempt("bulletin").state == QUEUED


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "http://nowhere.invalid/"])
def test_an_impossible_api_url_fails_no_mail(carry_by, url):
    carry_by(f"postmark://TOKEN?api_url={url}")

    assert attempt("bulletin").state == QUEUED


def test_a_key_that_is_no_header_fails_no_mail(carry_by):
    carry_by("resend://KEY%0AX?api_url=http://127.0.0.1:9/")

    assert attempt("bulletin").state == QUEUED


def test_neither_key_nor_content_stands_in_the_error(carry_by):
    with HTTPServer(Answer(400, {"message": "bad"})) as server:
        carry_by(f"postmark://TOKEN-CANARY?api_url={server.url}")
        delivery = attempt("letters", body="BODY-CANARY")

    assert "bad" in delivery.error
    assert "CANARY" not in delivery.error
