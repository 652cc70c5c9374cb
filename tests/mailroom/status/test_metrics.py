"""`/metrics`: off without a token, read by promtool, and cheap however much was sent."""

import re
import shutil
import subprocess
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailroom.models import Delivery, MailerHealth, Message, OutcomeCount, WorkerBeat

TOKEN = "x7-random-token-of-tests-Q2w9Zr4Lk8Vb"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _on(settings, outbox_mailers) -> None:
    settings.METRICS_TOKEN = TOKEN


def read(token: str = TOKEN):
    return Client().get("/metrics", headers={"authorization": f"Bearer {token}"})


def value(name: str, **labels: str) -> float:
    inner = ",".join(f'{key}="{text}"' for key, text in sorted(labels.items()))
    line = re.escape(f"{name}{{{inner}}}" if labels else name)
    return float(re.search(rf"^{line} (\S+)$", read().text, re.M)[1])


def queue(minutes: int, **fields) -> None:
    message = Message.objects.create(
        type="newsletters.issue", channel="newsletters", from_email="us@example.com", **fields
    )
    due = timezone.now() - timedelta(minutes=minutes)
    Delivery.objects.create(
        message=message, channel="newsletters", address="ann@example.com", not_before=due
    )


def test_it_is_off_without_a_token(settings):
    settings.METRICS_TOKEN = ""

    assert read("").status_code == 404


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], f"{TOKEN}x", "ü"])
def test_a_wrong_token_reads_nothing(token):
    response = read(token)

    assert response.status_code == 401
    assert "mailroom_" not in response.text


def test_the_age_of_a_queue_is_that_of_what_is_due_longest():
    queue(10)
    queue(60, held_at=timezone.now())
    queue(-60)

    assert 590 < value("mailroom_queue_age_seconds", channel="newsletters") < 660
    assert value("mailroom_queue_size", channel="newsletters") == 2
    assert value("mailroom_queue_age_seconds", channel="registration") == 0


def test_outcomes_are_told_by_channel_and_provider():
    numbers = {("newsletters", "a", "sent"): 3, ("newsletters", "b", "uncertain"): 1}
    OutcomeCount.add(numbers)

    kind = {"channel": "newsletters"}
    assert value("mailroom_deliveries", **kind, provider="a", outcome="sent") == 3
    assert value("mailroom_deliveries", **kind, provider="b", outcome="uncertain") == 1


def test_a_provider_that_fails_and_a_worker_that_lives_are_told():
    MailerHealth.objects.create(alias="smtp:one", state="open")
    WorkerBeat.beat("a worker")

    assert value("mailroom_breaker_open", provider="smtp:one") == 1
    assert value("mailroom_workers") == 1
    assert value("mailroom_worker_heartbeat_timestamp_seconds") > 0


def test_no_query_adds_up_the_outbox():
    queue(10)
    with CaptureQueriesContext(connection) as queries:
        read()

    of_outbox = [one["sql"] for one in queries if 'FROM "mailroom_delivery"' in one["sql"]]
    assert [sql for sql in of_outbox if "LIMIT" not in sql] == []


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian: prometheus) is missing")
def test_promtool_finds_nothing_to_object_to():
    queue(10)
    OutcomeCount.add({("newsletters", "a", "sent"): 3})

    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=read().content,
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
