"""A channel's daily cap, and what a server sees of the site: EHLO and Message-ID."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from mailroom.models import Delivery
from newsletters.composing import preflight
from newsletters.models import Newsletter
from tests.mailroom.conftest import deliver, queue

pytestmark = pytest.mark.django_db


def test_the_rest_waits_for_the_next_day(in_memory, settings, mailoutbox):
    settings.MAILERS["letters"]["OPTIONS"]["daily_cap"] = 3
    for place in range(5):
        queue(to=[f"{place}@example.com"])
    queue("bulletin")
    deliver()
    assert [one.sent_using for one in mailoutbox] == ["console"] * 4
    assert Delivery.objects.filter(channel="letters", state="queued").count() == 2

    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
        deliver()
    assert len(mailoutbox) == 6


def test_an_issues_estimate_counts_the_days(outbox_mailers, settings):
    settings.MAILERS = outbox_mailers
    settings.MAILERS["newsletters"]["OPTIONS"]["daily_cap"] = 100
    issue = Newsletter.objects.create(name="W", slug="w").issues.create(subject="Hi", slug="hi")
    assert [preflight.sending_days(issue, people) for people in (100, 101, 200, 201)] == [
        1,
        2,
        2,
        3,
    ]


def test_a_server_is_greeted_by_the_sites_own_name(smtp, settings):
    settings.PUBLIC_URL = "https://www.bücher.example"
    names = []
    handle = smtp.handle_EHLO

    async def note(server, session, envelope, hostname, answers):
        names.append(hostname)
        return await handle(server, session, envelope, hostname, answers)

    smtp.handle_EHLO = note
    queue()
    deliver()
    assert names == ["www.xn--bcher-kva.example"]


def test_a_message_id_shows_no_row_number(smtp):
    ids = []
    for _ in range(2):
        delivery = queue()[0]
        deliver()
        ids.append(smtp.received[-1].mail["Message-ID"])
        assert f"<{delivery.pk}." not in ids[-1]
        assert delivery.message_id_header == ids[-1]
    assert ids[0] != ids[1]
