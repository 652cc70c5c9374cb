"""The sandbox's SMTP server, through the site's own backend."""

import smtplib

import pytest

from sandbox.accounts import Account
from sandbox.behaviour import Mode
from sandbox.smtp import SMTPServer
from tests.mailroom.conftest import attempt

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delivered() -> list:
    return []


@pytest.fixture
def sandbox(carry_by, delivered):
    modes = {"smtp": Mode.WORKS}
    account = Account("smtp", "smtp", 0)
    with SMTPServer(account, mode_of=modes.__getitem__, keep=delivered.append) as server:
        server.modes = modes
        carry_by(f"smtp+plain://127.0.0.1:{server.port}?timeout=3")
        yield server


def test_it_offers_pipelining_and_delivers(sandbox, delivered):
    with smtplib.SMTP("127.0.0.1", sandbox.port) as client:
        client.ehlo()
        assert client.has_extn("pipelining")
    assert attempt("bulletin").state == "sent"
    assert delivered[0].recipients == ["alice@example.com"]
    assert delivered[0].mail["Subject"] == "Hello"


@pytest.mark.parametrize(
    ("to", "state"),
    [
        ("bounce", "failed"),
        ("soft-bounce", "failed"),
        ("refused+ann", "failed"),
        ("rate-limited", "queued"),
        ("deferred", "queued"),
        ("complaint", "sent"),
        ("bouncer", "sent"),
    ],
)
def test_a_recipient_is_answered_by_its_local_part(sandbox, delivered, to, state):
    assert attempt("bulletin", to=[f"{to}@example.com"]).state == state
    assert len(delivered) == (state == "sent")


def test_a_deferred_recipient_is_accepted_at_the_second_try(sandbox):
    states = [attempt("bulletin", to=["deferred@example.com"]).state for _ in range(2)]

    assert states == ["queued", "sent"]


@pytest.mark.parametrize(
    ("mode", "states"),
    [
        (Mode.REFUSE, ("queued", "queued")),
        (Mode.BUSY, ("queued", "queued")),
        (Mode.SILENT, ("queued", "queued")),
        (Mode.DROP, ("queued", "uncertain")),
        (Mode.LOSE, ("sent", "sent")),
    ],
)
def test_a_provider_that_fails_delivers_nothing(sandbox, delivered, monkeypatch, mode, states):
    monkeypatch.setattr("sandbox.smtp.SILENT_SECONDS", 4)
    sandbox.modes["smtp"] = mode

    assert (attempt("letters").state, attempt("bulletin").state) == states
    assert delivered == []


def test_a_wrong_password_is_refused(carry_by, delivered):
    account = Account("smtp", "smtp", 0, key="right")
    with SMTPServer(account, keep=delivered.append) as server:
        carry_by(f"smtp+plain://user:wrong@127.0.0.1:{server.port}")
        assert attempt("bulletin").state == "queued"
        assert delivered == []
        carry_by(f"smtp+plain://user:right@127.0.0.1:{server.port}")
        assert attempt("letters").state == "sent"
