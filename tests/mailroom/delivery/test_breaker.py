"""The breaker: it opens for faults of the transport alone, is probed by one, and fails back."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from mailroom.delivery import breaker
from mailroom.models import ChannelPace, Delivery, MailerHealth
from mailroom.outcomes import ACCEPTED, Fault, Outcome, Verdict
from mailroom.signals import mailer_alert
from tests.at_once import at_once
from tests.mailroom.conftest import attempt, deliver, queue
from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import Script, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

State = MailerHealth.State
DOWN = Outcome(Verdict.FOR_NOW, "Connection refused", fault=Fault.TRANSPORT)
A = "smtp:a.example"


def open_breaker(alias: str = A) -> MailerHealth:
    for _ in range(breaker.OPENS_AFTER):
        breaker.report(alias, DOWN)
    return MailerHealth.objects.get(alias=alias)


def let_a_probe_be_due() -> None:
    now = timezone.now()
    MailerHealth.objects.update(probe_at=now)
    Delivery.objects.filter(not_before__gt=now).update(not_before=now)
    breaker.forget()


def later(row: MailerHealth) -> time_machine.travel:
    breaker.forget()
    return time_machine.travel(row.retry_at + timedelta(seconds=1))


@pytest.fixture
def alerts():
    told = []

    def listen(sender, *, event, alias, **_):
        told.append((event, alias))

    mailer_alert.connect(listen)
    yield told
    mailer_alert.disconnect(listen)


class TestOpening:
    def test_three_failures_in_a_row_open_it(self):
        breaker.report(A, DOWN)
        breaker.report(A, DOWN)
        assert breaker.admits(A)

        breaker.report(A, DOWN)

        assert not breaker.admits(A)
        assert MailerHealth.objects.get().error == "Connection refused"

    def test_a_success_between_them_does_not_count_on(self):
        for _ in range(5):
            breaker.report(A, DOWN)
            breaker.report(A, DOWN)
            breaker.report(A, ACCEPTED)

        assert breaker.admits(A)

    def test_the_fault_of_an_account_counts(self):
        for _ in range(3):
            breaker.report(A, Outcome(Verdict.FOR_NOW, "535 no", fault=Fault.ACCOUNT))

        assert not breaker.admits(A)

    def test_a_bad_address_never_counts(self, smtp: SMTPServer):
        smtp.script.rcpt = {"*": "550 no such user"}
        for number in range(6):
            attempt("bulletin", to=[f"{number}@example.com"])

        assert breaker.admits(f"smtp:127.0.0.1:{smtp.port}")

    def test_a_wish_to_be_left_alone_is_honoured(self, carry_by):
        busy = Answer(429, {"message": "slow down"}, {"Retry-After": "900"})
        with HTTPServer(busy) as first, SMTPServer() as second:
            carry_by(f"failover(resend://K?api_url={first.url} {second.url})")
            for _ in range(4):
                attempt("letters")

            assert len(first.calls) == 1
            assert len(second.received) == 4
        rest = MailerHealth.objects.get(alias="resend").retry_at - timezone.now()
        assert timedelta(minutes=14) < rest <= timedelta(minutes=15)


class TestProbing:
    def test_after_its_rest_one_of_all_may_try(self):
        row = open_breaker()

        with later(row):
            assert [breaker.admits(A) for _ in range(3)] == [True, False, False]

    def test_only_the_quickest_of_several_processes_may_try(self):
        row = open_breaker()

        with later(row):
            assert not breaker.rests(A)  # as this process read it a moment ago
            probing = {"state": State.HALF_OPEN, "retry_at": timezone.now() + breaker.PROBE}
            MailerHealth.objects.filter(alias=A).update(**probing)  # another process was quicker

            assert not breaker.admits(A)

    def test_a_probe_that_fails_doubles_the_rest_up_to_a_limit(self, settings):
        settings.MAIL_BREAKER_SECONDS = 30
        row = open_breaker()
        rests = []
        for _ in range(8):
            with later(row):
                assert breaker.admits(A)
                breaker.report(A, DOWN)
                row = MailerHealth.objects.get()
                rests.append((row.retry_at - timezone.now()).total_seconds())

        assert rests[0] < rests[1] < rests[2]
        assert 30 < rests[0] <= 60
        assert rests[-1] <= 300

    def test_a_probe_that_succeeds_closes_it_for_all(self):
        row = open_breaker()

        with later(row):
            assert breaker.admits(A)
            breaker.report(A, ACCEPTED)
            assert [breaker.admits(A) for _ in range(3)] == [True, True, True]

    def test_a_prober_that_dies_is_replaced(self):
        row = open_breaker()
        with later(row):
            assert breaker.admits(A)
        row.refresh_from_db()

        with later(row):
            assert breaker.admits(A)

    def test_what_waited_for_it_leaves_as_soon_as_it_works(self, carry_by):
        port = closed_port()
        carry_by(f"smtp+plain://127.0.0.1:{port}?timeout=1")
        for number in range(5):
            queue("letters", to=[f"{number}@example.com"])
        while breaker.next_try("letters") is None or breaker.admission("letters").value != "none":
            breaker.end_probe(was_used=False)
            deliver()
        rows = set(Delivery.objects.values_list("state", flat=True))
        with SMTPServer(port=port) as back:
            let_a_probe_be_due()
            deliver()
            let_a_probe_be_due()
            deliver()

        assert rows == {"queued"}
        assert len(back.received) == 5

    def test_the_next_try_is_within_seconds_however_long_it_was_down(self):
        for _ in range(20):
            breaker.report(A, DOWN)

        wait = breaker.next_try(A) - timezone.now()
        assert wait <= timedelta(seconds=5)

    def test_a_refused_account_is_tried_after_its_rest_alone(self, settings):
        settings.MAIL_BREAKER_SECONDS = 30
        for _ in range(3):
            breaker.report(A, Outcome(Verdict.FOR_NOW, "535 no", fault=Fault.ACCOUNT))

        assert breaker.next_try(A) - timezone.now() > timedelta(seconds=20)

    def test_a_wish_to_wait_is_followed_to_the_second_and_never_doubled(self):
        for _ in range(5):
            breaker.report(A, Outcome(Verdict.FOR_NOW, "429", retry_after=2))
            breaker.report(A, Outcome(Verdict.FOR_NOW, "429", retry_after=2))

        row = MailerHealth.objects.get()
        assert (row.failures, row.rests) == (0, 0)
        assert row.retry_at - timezone.now() <= timedelta(seconds=2)

    def test_of_many_lanes_one_probes(self):
        breaker.report(A, DOWN)
        breaker.report(A, DOWN)
        let_a_probe_be_due()

        found = at_once(*[lambda: breaker.admission(A).value] * 4)

        assert sorted(found) == ["none", "none", "none", "one"]


class TestFailingOverAndBack:
    def test_nobody_tries_a_resting_provider_and_traffic_returns_by_itself(self, carry_by):
        first = SMTPServer()
        with SMTPServer() as second:
            first.start()
            carry_by(f"failover({first.url} {second.url})")
            attempt("letters")
            first.stop(no_assert=True)
            for _ in range(6):
                attempt("letters")
            row = MailerHealth.objects.get(alias=f"smtp:127.0.0.1:{first.port}")
            failures = row.failures

            with SMTPServer(port=first.port) as back, later(row):
                for _ in range(4):
                    attempt("letters")
                returned = len(back.received)

        assert len(first.received) == 1
        assert failures == breaker.OPENS_AFTER
        assert len(second.received) == 6
        assert returned == 4
        assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}

    def test_with_all_resting_one_is_tried_all_the_same(self, carry_by):
        with SMTPServer() as first, SMTPServer() as second:
            carry_by(f"failover({first.url} {second.url})")
            for server in (first, second):
                open_breaker(f"smtp:127.0.0.1:{server.port}")
            let_a_probe_be_due()

            assert attempt("letters").state == "sent"


class TestPeople:
    def test_a_paused_provider_gets_nothing_and_its_mail_waits(self, smtp):
        alias = f"smtp:127.0.0.1:{smtp.port}"
        breaker.set_mode(alias, "paused")
        (delivery,) = queue("letters")
        deliver()
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts, smtp.received) == ("queued", 0, [])

        breaker.set_mode(alias, "")
        deliver()

        assert len(smtp.received) == 1

    def test_a_draining_provider_gets_only_what_nobody_else_carries(self, carry_by):
        with SMTPServer() as first, SMTPServer(Script(greeting="421 no")) as second:
            carry_by(f"failover({first.url} {second.url})")
            breaker.set_mode(f"smtp:127.0.0.1:{first.port}", "draining")
            attempt("letters")

            assert first.received == []
            assert len(second.transactions) == 0

        with SMTPServer() as first:
            carry_by(first.url)
            breaker.set_mode(f"smtp:127.0.0.1:{first.port}", "draining")
            assert attempt("letters").state == "sent"


class TestAlerts:
    @pytest.fixture(autouse=True)
    def _admins(self, settings):
        settings.ADMINS = ["boss@example.com"]

    def test_a_failover_that_succeeds_is_told_once(self, carry_by, settings, alerts):
        with SMTPServer(Script(rcpt={"*": "450 busy"})) as first, SMTPServer() as second:
            carry_by(f"failover({first.url} {second.url})")
            settings.MAILERS["ops"] = {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}
            for _ in range(5):
                attempt("letters")

        alias = f"smtp:127.0.0.1:{first.port}"
        assert alerts == [("failed_over", alias)]
        (told,) = mail.outbox
        assert alias in told.subject
        assert f"is going through smtp:127.0.0.1:{second.port}" in told.subject
        assert "450 busy" in told.body

    def test_opening_and_closing_are_told(self, alerts):
        row = open_breaker()
        with later(row):
            breaker.admits(A)
            breaker.report(A, ACCEPTED)

        assert alerts == [("opened", A), ("closed", A)]

    def test_a_receiver_that_fails_costs_nobody_the_mail(self, caplog):
        def fail(sender, **_):
            raise RuntimeError("my own fault")

        mailer_alert.connect(fail)
        try:
            open_breaker()
        finally:
            mailer_alert.disconnect(fail)

        assert "my own fault" in caplog.text
        assert not breaker.admits(A)


class TestPace:
    def test_slots_follow_one_another_whoever_takes_them(self):
        now = timezone.now()
        with time_machine.travel(now, tick=False):
            first = ChannelPace.take("bulletin", rate=10, count=1)
            second = ChannelPace.take("bulletin", rate=10, count=5)
            third = ChannelPace.take("bulletin", rate=10, count=1)
            other = ChannelPace.take("letters", rate=10, count=1)

        assert second - first == timedelta(seconds=0.1)
        assert third - second == timedelta(seconds=0.5)
        assert other == first

    def test_a_quiet_time_saves_up_no_slots(self):
        now = timezone.now()
        with time_machine.travel(now, tick=False):
            ChannelPace.take("bulletin", rate=10, count=1)
        with time_machine.travel(now + timedelta(hours=1), tick=False):
            first = ChannelPace.take("bulletin", rate=10, count=1)
            second = ChannelPace.take("bulletin", rate=10, count=1)

        assert second - first == timedelta(seconds=0.1)

    def test_a_channel_with_a_rate_sends_all_its_mail_in_its_slots(self, smtp, settings):
        settings.MAILERS["bulletin"]["OPTIONS"]["rate"] = 50
        begun = timezone.now()
        for number in range(12):
            queue("bulletin", to=[f"{number}@example.com"])

        deliver()

        assert len(smtp.received) == 12
        taken = ChannelPace.objects.get(channel="bulletin").free_at - begun
        assert taken >= timedelta(seconds=12 / 50)
