"""What may still be sent to an address after a bounce or a complaint."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from mailroom.message_types import asked_for
from mailroom.messages import TemplatedMessage
from mailroom.models import Delivery, Suppression
from tests.mailroom.conftest import TYPES, attempt, deliver
from tests.mailroom.fakes.smtp import SMTPServer

pytestmark = pytest.mark.django_db
State = Delivery.State
ASKED = replace(asked_for("letters", lasts=timedelta(days=3)), secret=False)


@pytest.fixture
def reset(smtp, settings):
    """Queue a mail that Alice asks for, and try to send it; its delivery."""
    settings.MESSAGE_TYPES = {**TYPES, "tests.letter": ASKED}

    def ask() -> Delivery:
        TemplatedMessage("tests.letter", to=["alice@example.com"], context={"name": "A"}).send()
        deliver()
        return Delivery.objects.latest("pk")

    return ask


def suppress(reason: str, channel: str = "") -> Suppression:
    return Suppression.objects.create(address="alice@example.com", reason=reason, channel=channel)


@pytest.mark.parametrize("reason", ["complained", "soft", "manual"])
def test_a_reset_arrives_whatever_stops_bulk_mail(reset, smtp: SMTPServer, reason):
    suppress(reason)
    assert attempt("bulletin").state == State.SKIPPED
    assert reset().state == State.SENT
    assert len(smtp.received) == 1


def test_after_a_hard_bounce_a_reset_is_tried_once_a_day(reset):
    suppress("bounced")
    assert [reset().state for _ in range(3)] == [State.SENT, State.SKIPPED, State.SKIPPED]
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        assert [reset().state for _ in range(2)] == [State.SENT, State.SKIPPED]


def test_after_a_hard_bounce_no_notice_is_sent(smtp, db):
    suppress("bounced")
    assert attempt("letters").state == State.SKIPPED
    assert attempt("bulletin").state == State.SKIPPED
    assert smtp.received == []


def test_a_reset_that_was_refused_for_now_is_tried_on(reset, smtp):
    suppress("bounced")
    smtp.script.content = "451 4.3.0 later"
    waiting = reset()
    assert waiting.state == State.QUEUED
    smtp.script.content = ""
    Delivery.objects.update(not_before=timezone.now())
    deliver()
    waiting.refresh_from_db()
    assert waiting.state == State.SENT
