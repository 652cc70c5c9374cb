"""The status page: for staff alone, its numbers true, its buttons for who may press them."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailroom.delivery import breaker
from mailroom.models import Delivery, MailerHealth
from mailroom.status.chart import bars
from tests.mailroom.conftest import attempt, queue
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

PAGE, ACT = "/mail/status/", "/mail/status/act/"


@pytest.fixture
def staff(client):
    """Staff who may look; `may_act` lets them press buttons."""
    clerk = get_user_model().objects.create_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_mailerhealth"))
    client.force_login(clerk)
    return client


@pytest.fixture
def chief(staff):
    clerk = get_user_model().objects.get()
    clerk.user_permissions.add(Permission.objects.get(codename="manage_mailers"))
    return staff


def alias(server: SMTPServer) -> str:
    return f"smtp:127.0.0.1:{server.port}"


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def press(client, server: SMTPServer, button: str) -> str:
    return text(client.post(ACT, {"alias": alias(server), "do": button}, follow=True))


class TestLooking:
    def test_is_for_staff(self, client, smtp):
        assert client.get(PAGE).status_code == 302
        client.force_login(get_user_model().objects.create_user("reader@example.com"))
        assert client.get(PAGE).status_code == 302

    def test_is_refused_to_staff_without_the_permission(self, client, smtp):
        user = get_user_model().objects.create_user("editor@example.com", is_staff=True)
        client.force_login(user)
        assert client.get(PAGE).status_code == 403
        assert client.get(PAGE, headers={"HX-Request": "true"}).status_code == 403
        assert PAGE not in client.get("/").text

    def test_shows_volumes_states_errors_and_what_waits(self, staff, smtp):
        attempt("letters")
        smtp.script.rcpt = {"*": "550 mailbox unavailable"}
        attempt("letters")
        smtp.script.rcpt = {"*": "450 busy"}
        attempt("bulletin")
        MailerHealth.objects.create(
            alias=alias(smtp), error="421 too many", failed_at=timezone.now(), state="open"
        )

        page = text(staff.get(PAGE))

        assert "sent 1 failed 1 uncertain 0" in page
        assert "cooling down" in page
        assert "421 too many" in page
        assert "No worker is running" in page
        assert re.search(r"bulletin .*?1 0 minutes 0 0 0", page.replace("\xa0", " "))

    @pytest.mark.parametrize(
        ("seconds", "told"), [(60, "next try at"), (-1, "retried with the next email")]
    )
    def test_says_what_a_resting_provider_waits_for(self, staff, smtp, seconds, told):
        again = timezone.now() + timedelta(seconds=seconds)
        MailerHealth.objects.create(alias=alias(smtp), state="open", retry_at=again)

        assert told in text(staff.get(PAGE))

    def test_live_parts_come_alone(self, staff, smtp):
        answer = staff.get(PAGE, headers={"HX-Request": "true"})

        assert "<html" not in answer.text
        assert 'id="provider-1" hx-swap-oob="true"' in answer.text

    def test_secrets_are_masked(self, staff, carry_by):
        carry_by("smtp://user:hunter2@mail.example.com")

        assert "hunter2" not in staff.get(PAGE).text

    def test_costs_as_much_however_much_was_sent(self, staff, smtp):
        def cost() -> int:
            breaker.forget()  # known for a second otherwise, which a slow machine outlasts
            with CaptureQueriesContext(connection) as queries:
                staff.get(PAGE)
            return len(queries)

        cost()
        before = cost()
        for number in range(30):
            queue("letters", to=[f"{number}@example.com"])

        assert cost() == before

    def test_a_refusal_counts_at_the_provider_that_refused(self, staff, carry_by):
        with SMTPServer() as first, SMTPServer() as second:
            carry_by(f"failover({first.url} {second.url})")
            first.script.rcpt = {"*": "450 busy"}
            attempt()
            page = text(staff.get(PAGE))

        assert page.count("Refused 1") + page.count("refused 1") >= 1
        assert page.index(alias(first)) < page.index("refused 1") < page.index(alias(second))

    def test_a_paused_provider_is_not_said_to_work(self, staff, smtp):
        breaker.set_mode(alias(smtp), "paused")

        page = staff.get(PAGE).text

        assert "paused" in page
        assert "working" not in page

    def test_what_is_on_hold_does_not_count_as_waiting(self, staff, smtp):
        from mailroom.outbox import control

        control.hold(queue("bulletin")[0].message)

        assert "+ 1 on hold" in text(staff.get(PAGE))


class TestActing:
    def test_needs_its_permission_and_a_post(self, staff, smtp):
        assert staff.post(ACT, {"alias": alias(smtp), "do": "pause"}).status_code == 403
        assert staff.get(ACT).status_code == 405
        assert not MailerHealth.objects.exists()

    @pytest.mark.parametrize("wrong", [{"alias": "nobody"}, {"do": "explode"}])
    def test_refuses_what_it_does_not_know(self, chief, smtp, wrong):
        assert chief.post(ACT, {"alias": alias(smtp), "do": "pause", **wrong}).status_code == 400

    def test_pauses_drains_and_resumes(self, chief, smtp):
        for button, mode in (("pause", "paused"), ("drain", "draining"), ("resume", "")):
            press(chief, smtp, button)
            assert MailerHealth.objects.get().mode == mode

    def test_tries_a_server_now_and_closes_its_breaker(self, chief, smtp):
        breaker.set_mode(alias(smtp), "")
        MailerHealth.objects.update(state="open", failures=3, retry_at=timezone.now())

        assert "answers." in press(chief, smtp, "probe")
        assert MailerHealth.objects.get().state == "closed"

    def test_tells_in_its_words_why_a_server_does_not_answer(self, chief, carry_by):
        port = closed_port()
        carry_by(f"smtp+plain://127.0.0.1:{port}?timeout=1")

        data = {"alias": f"smtp:127.0.0.1:{port}", "do": "probe"}
        assert "Connection refused" in text(chief.post(ACT, data, follow=True))

    def test_sends_a_test_past_outbox_and_routes(self, chief, smtp, settings):
        settings.MESSAGE_TYPES = {
            **settings.MESSAGE_TYPES,
            "mailroom.test": settings.MESSAGE_TYPES["tests.letter"],
        }
        settings.MAILERS["default"] = settings.MAILERS["letters"]

        assert "accepted a test email to clerk@example.com" in press(chief, smtp, "test")
        assert smtp.received[0].recipients == ["clerk@example.com"]
        assert not Delivery.objects.exists()


def test_bars_fill_the_height_and_stand_on_one_another():
    now = timezone.now()

    (bar,) = bars({now: {"sent": 3, "failed": 1}}, [now])

    sent, failed = bar.parts
    assert (sent.height, sent.y) == (45, 15)
    assert (failed.height, failed.y) == (15, 0)
