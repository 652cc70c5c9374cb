"""Bounces of a real Postfix, through the pipe and through a real Dovecot."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from django.core.management import call_command

from bench.waiting import wait_until
from mailroom.bounces.mailbox import read_mailboxes
from mailroom.delivery.feedback import handle_waiting
from mailroom.models import Delivery, Event, Suppression
from mailroom.outbox import Recipient, add_deliveries, freeze
from tests.mailroom.conftest import carry_by, deliver  # noqa: F401  (a fixture)
from tests.mailroom.fakes.smtp import Script, SMTPServer
from tests.wire.dovecot import Dovecot
from tests.wire.postfix import Postfix

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postfix]

ANSWERS = {
    "unknown@example.com": "550 5.1.1 No such user",
    "full@example.com": "552 5.2.2 Mailbox full",
}
READERS = [*ANSWERS, "well@example.com"]


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


@pytest.fixture
def bounced(carry_by, settings, dovecot) -> Iterator[Dovecot]:  # noqa: F811
    """An issue to three readers went out through Postfix, and two emails came back."""
    settings.MAIL_BOUNCE_ADDRESS = "bounces@bounces.mailroom.test"
    settings.MAIL_BOUNCE_URL = dovecot.url
    with (
        SMTPServer(Script(rcpt=ANSWERS)) as receiving,
        Postfix(receiving.port, "refused@example.com", dovecot.maildir) as postfix,
    ):
        carry_by(f"smtp+plain://127.0.0.1:{postfix.port}")
        send_issue()
        assert wait_until(lambda: len(dovecot.emails()) >= 2, 60), postfix.log
        yield dovecot


def send_issue() -> None:
    mail = freeze(EmailMessage("Hello", "Good day."), "bulletin")
    add_deliveries(mail, [Recipient(address) for address in READERS])
    deliver()


def suppressed() -> list[tuple[str, str]]:
    handle_waiting()
    return sorted(Suppression.objects.active().values_list("address", "reason"))


def check_what_became_of_it() -> None:
    assert suppressed() == [("unknown@example.com", "bounced")]
    told = dict(Delivery.objects.values_list("address", "feedback"))
    assert told == {
        "unknown@example.com": "bounced",
        "full@example.com": "bounced",
        "well@example.com": "",
    }
    kinds = set(Event.objects.values_list("address", "kind"))
    assert kinds == {
        ("unknown@example.com", Event.Kind.HARD_BOUNCE),
        ("full@example.com", Event.Kind.SOFT_BOUNCE),
    }


def test_through_a_mailbox(bounced):
    foreign = b"From: Eve <eve@example.net>\r\nTo: bounces@bounces.mailroom.test\r\n\r\nHello?\r\n"
    bounced.put(foreign)
    assert read_mailboxes.func() == 2
    check_what_became_of_it()
    assert [path.read_bytes() for path in bounced.emails()] == [foreign]
    assert ":2,S" not in bounced.emails()[0].name  # it is still unread

    send_issue()  # the next issue does not try the dead address
    states = dict(Delivery.objects.order_by("pk").values_list("address", "state"))
    assert states["unknown@example.com"] == "skipped"
    assert states["well@example.com"] == "sent"


def test_through_the_pipe_as_well_and_counted_once(bounced, monkeypatch):
    for path in bounced.emails():
        with path.open("rb") as source:
            monkeypatch.setattr(sys, "stdin", _Input(source))
            call_command("bounces")
    check_what_became_of_it()
    assert read_mailboxes.func() == 2  # they are in the mailbox, too
    check_what_became_of_it()
    assert Event.objects.count() == 2


class _Input:
    def __init__(self, source) -> None:
        self.buffer = source


def test_a_settled_delivery(bounced):
    """A bounce proves that the server accepted the email whose outcome was uncertain."""
    Delivery.objects.update(state=Delivery.State.UNCERTAIN)
    read_mailboxes.func()
    handle_waiting()
    states = dict(Delivery.objects.values_list("address", "state"))
    assert states["unknown@example.com"] == "sent"
    assert states["well@example.com"] == "uncertain"


def test_a_wrong_password_is_logged_without_it(dovecot, settings, caplog):
    settings.MAIL_BOUNCE_URL = dovecot.url.replace("s3cret", "wr0ng")
    assert read_mailboxes.func() == 0
    assert "cannot be read" in caplog.text
    assert "wr0ng" not in caplog.text


def test_the_command_is_one_that_a_mail_server_can_run(tmp_path):
    program = [sys.executable, Path(__file__).parents[2] / "manage.py", "bounces"]
    done = subprocess.run(
        program, input=b"Subject: Hi\n\nHello\n", capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"no report" in done.stdout
