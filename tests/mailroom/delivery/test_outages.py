"""Providers that fail, recover, or ask to wait: the rows stay as they are, and leave at once."""

from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone

from mailroom.delivery import breaker
from mailroom.delivery.engine import deliver_due
from mailroom.models import Attempt, Delivery, MailerHealth
from mailroom.outbox import Recipient, add_deliveries, freeze
from tests.mailroom.conftest import deliver, queue
from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State


def newsletter(number: int) -> None:
    message = freeze(EmailMessage("News", "News", to=[]), "bulletin")
    add_deliveries(message, (Recipient(f"{n}@example.com") for n in range(number)))


def seconds_pass() -> None:
    """Let the few seconds pass that a provider, and the row that tried it, wait."""
    now = timezone.now()
    soon = now + timedelta(seconds=5)
    MailerHealth.objects.filter(probe_at__lte=soon).update(probe_at=now)
    Delivery.objects.filter(not_before__lte=soon).update(not_before=now)
    breaker.forget()


def outage(channel: str, *, rounds: int = 12) -> None:
    for _ in range(rounds):
        deliver_due(channel)
        seconds_pass()


def test_the_rows_of_a_dead_provider_stay_as_they_are(carry_by):
    carry_by(f"smtp+plain://127.0.0.1:{closed_port()}?timeout=1")
    newsletter(300)

    outage("bulletin")

    rows = Delivery.objects.values_list("state", "holder", "leased_until")
    assert set(rows) == {(State.QUEUED, "", None)}
    assert Delivery.objects.exclude(attempts=0).count() <= 12, "one row tries it at a time"
    assert Attempt.objects.filter(delivery=None).exists()
    assert not Attempt.objects.exclude(delivery=None).exists()


def test_a_provider_that_refuses_twice_and_works_then_gets_all_within_seconds(carry_by):
    port = closed_port()
    carry_by(f"smtp+plain://127.0.0.1:{port}?timeout=1")
    for number in range(3):
        queue("letters", to=[f"{number}@example.com"])
    deliver()
    assert MailerHealth.objects.get().failures == 2

    with SMTPServer(port=port) as back:
        seconds_pass()
        deliver()
        seconds_pass()
        deliver()
        received = len(back.received)

    assert received == 3


def test_of_two_that_were_down_the_first_that_is_back_carries_all(carry_by):
    port = closed_port()
    carry_by(
        f"failover(smtp+plain://127.0.0.1:{port}?timeout=1 "
        f"smtp+plain://127.0.0.1:{closed_port()}?timeout=1)"
    )
    newsletter(150)
    queue("letters")
    for _ in range(12):
        deliver()
        seconds_pass()
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.QUEUED}

    with SMTPServer(port=port) as back:
        for _ in range(4):
            seconds_pass()
            deliver()
        received = len(back.received)

    assert received == 151


def test_what_one_side_of_a_split_certainly_did_not_accept_goes_by_the_other_at_once(carry_by):
    with SMTPServer() as works:
        dead = f"smtp+plain://127.0.0.1:{closed_port()}?timeout=1"
        carry_by(f"split(50 {works.url} 50 {dead})")
        for number in range(12):
            queue("letters", to=[f"{number}@example.com"])
            deliver()
        received = len(works.received)

    assert received == 12
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.SENT}


def test_a_429_with_retry_after_waits_so_long_and_counts_as_no_attempt(carry_by):
    busy = Answer(429, {"message": "slow down"}, {"Retry-After": "1"})
    with HTTPServer(busy) as api:
        carry_by(f"resend://K?api_url={api.url}")
        queue("letters")
        for _ in range(6):
            deliver()
            delivery = Delivery.objects.get()
            assert delivery.not_before <= timezone.now() + timedelta(seconds=1.1)
            seconds_pass()
            MailerHealth.objects.update(retry_at=timezone.now())

    assert (delivery.state, delivery.attempts) == (State.QUEUED, 0)


def test_a_queue_that_waits_adds_no_task(carry_by):
    from django_ox.models import OxTask

    carry_by(f"smtp+plain://127.0.0.1:{closed_port()}?timeout=1")
    newsletter(20)
    outage("bulletin", rounds=3)

    assert not OxTask.objects.exists()


def test_pages_say_when_a_provider_is_tried_next(carry_by, client, django_user_model):
    carry_by(f"smtp+plain://127.0.0.1:{closed_port()}?timeout=1")
    queue("letters")
    outage("letters", rounds=3)
    deliver()
    client.force_login(django_user_model.objects.create_superuser("chief@example.com"))

    page = " ".join(client.get("/mail/status/").text.split())

    assert breaker.next_try("letters")
    assert "Waiting for a provider; next try" in page
