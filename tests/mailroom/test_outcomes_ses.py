"""Amazon SES through boto3: moto plays the provider, or a server with scripted answers."""

from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mailroom.models import Delivery
from tests.mailroom.conftest import FROM, attempt
from tests.mailroom.fakes.http import DROP, Answer, HTTPServer
from tests.mailroom.fakes.ports import closed_port

pytestmark = pytest.mark.django_db

QUEUED, SENT = Delivery.State.QUEUED, Delivery.State.SENT
FAILED, UNCERTAIN = Delivery.State.FAILED, Delivery.State.UNCERTAIN
KEYS = "region_name=eu-west-1&aws_access_key_id=test&aws_secret_access_key=SECRET"


def ses(url: str, timeout: int = 1) -> str:
    return f"ses://?{KEYS}&endpoint_url={url}&timeout={timeout}"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def verify(url: str, address: str) -> None:
    """Tell SES that the sender is ours."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "SECRET"}
    client = boto3.client("sesv2", region_name="eu-west-1", endpoint_url=url, **keys)
    client.create_email_identity(EmailIdentity=address)
    client.close()


def test_ses_refuses_a_sender_that_it_has_not_verified(carry_by, moto):
    carry_by(ses(moto, timeout=30))

    delivery = attempt("letters")

    assert delivery.state == FAILED
    assert "MessageRejected" in delivery.error


def test_ses_takes_a_mail(carry_by, moto):
    verify(moto, FROM["bulletin"].partition("<")[2].rstrip(">"))
    carry_by(ses(moto, timeout=30))

    delivery = attempt("bulletin")

    assert delivery.state == SENT
    assert delivery.provider_id


UNVERIFIED = "Email address is not verified. The following identities failed the check in region"


def error(status: int, name: str, words: str = "") -> Answer:
    return Answer(status, {"message": words or name}, {"x-amzn-ErrorType": name})


CASES = {
    "throttled": (error(429, "TooManyRequestsException"), QUEUED),
    "quota": (error(400, "LimitExceededException"), QUEUED),
    "suspended": (error(400, "AccountSuspendedException"), QUEUED),
    "paused": (error(400, "SendingPausedException"), QUEUED),
    "MAIL FROM": (error(400, "MailFromDomainNotVerifiedException"), QUEUED),
    "wrong key": (error(403, "SignatureDoesNotMatch"), QUEUED),
    "rejected": (error(400, "MessageRejected"), FAILED),
    "our sender": (error(400, "MessageRejected", UNVERIFIED), QUEUED),
    "bad request": (error(400, "BadRequestException"), FAILED),
    "server error": (error(500, "InternalFailure"), QUEUED),
    "unavailable": (error(503, "ServiceUnavailable"), QUEUED),
    "gateway": (Answer(502, "<html>"), UNCERTAIN),
    "gateway time-out": (Answer(504, "<html>"), UNCERTAIN),
    "not JSON": (Answer(200, "<html>"), UNCERTAIN),
    "dropped": (Answer(DROP), UNCERTAIN),
    "too late": (Answer(200, "{}", after=1.5), UNCERTAIN),
}


@pytest.mark.parametrize("name", CASES)
def test_an_answer_of_ses_decides(carry_by, name):
    answer, state = CASES[name]
    with HTTPServer(answer) as server:
        carry_by(ses(server.url, timeout=1 if answer.after else 30))
        delivery = attempt("bulletin")

    assert delivery.state == state
    assert len(server.calls) == 1
    assert "SECRET" not in delivery.error


def test_ses_that_can_not_be_reached_is_tried_again(carry_by):
    carry_by(ses(f"http://127.0.0.1:{closed_port()}"))

    assert attempt("bulletin").state == QUEUED


def test_a_missing_region_fails_no_mail(carry_by, monkeypatch):
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    carry_by("ses://?aws_access_key_id=test&aws_secret_access_key=SECRET")

    assert attempt("bulletin").state == QUEUED


def test_a_misspelt_option_fails_no_mail(carry_by):
    carry_by("postmark://TOKEN?mesage_stream=broadcast")

    assert attempt("bulletin").state == QUEUED
