"""A provider that answers a byte at a time: each reply, and each message, must end in time."""

import socket
import threading
from dataclasses import replace

import pytest

from mailroom.models import Delivery, MailerHealth
from tests.mailroom.conftest import attempt
from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.fakes.smtp import Script, SMTPServer
from tests.mailroom.test_outcomes_http import ACCEPTED

pytestmark = pytest.mark.django_db

QUEUED, SENT = Delivery.State.QUEUED, Delivery.State.SENT
UNCERTAIN = Delivery.State.UNCERTAIN

BEFORE_THE_CONTENT = {
    "greeting": Script(drip="220"),
    "EHLO": Script(drip="250-"),
    "MAIL": Script(mail="250 slow, and slower, and slower", drip="250 slow"),
    "RCPT": Script(rcpt={"*": "250 slow, and slower, and slower"}, drip="250 slow"),
    "DATA": Script(drip="354"),
}


@pytest.mark.parametrize("pipelining", [False, True])
@pytest.mark.parametrize("stage", BEFORE_THE_CONTENT)
def test_the_next_provider_takes_over_from_one_that_drips_its_reply(carry_by, stage, pipelining):
    script = replace(BEFORE_THE_CONTENT[stage], pipelining=pipelining)
    with SMTPServer(script) as slow, SMTPServer() as well:
        carry_by(f"failover({slow.url} {well.url})")
        delivery = attempt("bulletin")

    assert delivery.state == SENT
    assert delivery.alias == f"smtp:127.0.0.1:{well.port}"
    assert len(well.received) == 1
    refused = MailerHealth.objects.get(alias=f"smtp:127.0.0.1:{slow.port}")
    assert (refused.failures, "timed out" in refused.error) == (1, True)


@pytest.mark.parametrize("pipelining", [False, True])
def test_a_dripping_reply_to_the_content_leaves_it_in_doubt(carry_by, pipelining):
    script = Script(content="250 slow, and slower", drip="250 slow", pipelining=pipelining)
    with SMTPServer(script) as slow, SMTPServer() as well:
        carry_by(f"failover({slow.url} {well.url})")
        delivery = attempt("bulletin")

    assert delivery.state == UNCERTAIN
    assert "timed out" in delivery.error
    assert well.received == []


def test_wrong_or_right_a_dripping_answer_to_the_password_is_not_waited_for(carry_by):
    with SMTPServer(Script(password="right", drip="235")) as slow, SMTPServer() as well:
        url = slow.url.replace("://", "://user:right@")
        carry_by(f"failover({url} {well.url})")
        delivery = attempt("bulletin")

    assert delivery.alias == f"smtp:127.0.0.1:{well.port}"


def test_a_server_that_answers_each_command_just_in_time_is_left_in_the_end(carry_by):
    many = [f"p{number}@example.com" for number in range(20)]
    script = Script(rcpt={"*": "250"}, drip="250")  # five bytes with the line's end: too slow
    with SMTPServer(script) as slow, SMTPServer() as well:
        carry_by(f"failover({slow.url} {well.url})")
        delivery = attempt("letters", to=many)

    assert delivery.alias == f"smtp:127.0.0.1:{well.port}"


@pytest.mark.parametrize("scheme", ["smtps", "smtp", "smtp+plain"])
def test_a_server_that_connects_and_says_nothing(carry_by, scheme):
    with socket.create_server(("127.0.0.1", 0)) as mute, SMTPServer() as well:
        url = f"{scheme}://127.0.0.1:{mute.getsockname()[1]}?timeout=1"
        carry_by(f"failover({url} {well.url})")
        delivery = attempt("bulletin")

    assert delivery.state == SENT


def test_a_server_that_stops_reading_the_content(carry_by):
    with socket.create_server(("127.0.0.1", 0)) as lazy, SMTPServer() as well:
        threading.Thread(target=_take_no_content, args=(lazy,), daemon=True).start()
        url = f"smtp+plain://127.0.0.1:{lazy.getsockname()[1]}?timeout=1"
        carry_by(f"failover({url} {well.url})")
        delivery = attempt("bulletin", body="A long line of text.\n" * 300_000)

    assert delivery.state == SENT


def _take_no_content(server: socket.socket) -> None:
    """Answer an envelope, and read nothing of what follows."""
    connection, _ = server.accept()
    with connection, connection.makefile("rb") as commands:
        connection.sendall(b"220 lazy\r\n")
        for command in commands:
            if command.upper().startswith(b"DATA"):
                connection.sendall(b"354 go on\r\n")
                threading.Event().wait(20)
                return
            connection.sendall(b"250 OK\r\n")


@pytest.mark.parametrize("provider", ACCEPTED)
def test_an_api_that_drips_its_answer_is_left_in_doubt(carry_by, provider):
    with HTTPServer(Answer(200, ACCEPTED[provider], drip=0.2)) as server:
        carry_by(f"{provider}://TOKEN?api_url={server.url}&timeout=1")
        delivery = attempt("bulletin")

    assert delivery.state == UNCERTAIN
    assert MailerHealth.objects.get(alias=provider).failures == 1
