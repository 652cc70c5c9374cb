"""The delivery engine: what each outcome makes of a row, and in whose hands it is."""

from datetime import timedelta

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.db import connection
from django.utils import timezone

from mailroom import signals
from mailroom.messages import TemplatedMessage
from mailroom.models import Delivery, MailerHealth, Message, Suppression
from mailroom.outbox import Recipient, add_deliveries, freeze
from mailroom.worker import jobs
from tests.mailroom.conftest import attempt, deliver, queue
from tests.mailroom.fakes.smtp import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State


def again(delivery: Delivery) -> Delivery:
    """Try once more, as if the wait were over."""
    Delivery.objects.filter(pk=delivery.pk).update(not_before=timezone.now())
    deliver()
    delivery.refresh_from_db()
    return delivery


def send_code() -> Delivery:
    TemplatedMessage("tests.code", to=["alice@example.com"], context={"code": "314-159"}).send()
    return Delivery.objects.latest("pk")


def test_the_log_names_each_mail_that_somebody_waits_for(smtp: SMTPServer, caplog):
    caplog.set_level("INFO", "mailroom.delivery.complete")
    smtp.script.rcpt = {"*": "550 nobody here"}
    delivery = attempt()

    (line,) = caplog.records
    assert line.delivery_id == delivery.pk
    assert delivery.address not in line.getMessage()


class TestTryingAgain:
    def test_waits_grow_and_the_message_id_stays(self, smtp: SMTPServer):
        smtp.script.rcpt = {"*": "450 busy"}
        delivery = attempt()
        first_wait = delivery.not_before - timezone.now()
        header = delivery.message_id_header
        for _ in range(3):
            again(delivery)
        fourth_wait = delivery.not_before - timezone.now()

        smtp.script.rcpt = {}
        again(delivery)

        assert fourth_wait > 4 * first_wait
        assert delivery.attempts == 5
        assert (delivery.state, delivery.error) == (State.SENT, "")
        assert smtp.received[0].mail["Message-ID"] == header

    def test_it_gives_up_after_five_days(self, smtp):
        smtp.script.rcpt = {"*": "450 busy"}
        delivery = attempt()

        with time_machine.travel(timezone.now() + timedelta(days=5, minutes=1)):
            again(delivery)

        assert delivery.state == State.FAILED
        assert "450 busy" in delivery.error

    def test_what_is_refused_for_good_is_tried_once(self, smtp):
        smtp.script.rcpt = {"*": "550 no such user"}
        delivery = attempt()

        again(delivery)

        assert (delivery.state, delivery.attempts) == (State.FAILED, 1)
        assert len(smtp.transactions) == 1

    def test_a_transactional_mail_of_unknown_fate_goes_again_with_its_message_id(self, smtp):
        smtp.script.content = "drop"
        delivery = attempt("letters")
        header = delivery.message_id_header
        smtp.script.content = ""

        again(delivery)

        assert delivery.state == State.SENT
        assert smtp.received[0].mail["Message-ID"] == header

    def test_a_bulk_mail_of_unknown_fate_waits_for_a_person(self, smtp):
        smtp.script.content = "drop"
        delivery = attempt("bulletin")

        again(delivery)

        assert (delivery.state, delivery.attempts) == (State.UNCERTAIN, 1)

    def test_a_provider_that_is_down_changes_no_row_but_the_one_that_tried_it(self, carry_by):
        from tests.mailroom.fakes.ports import closed_port

        carry_by(f"smtp+plain://127.0.0.1:{closed_port()}?timeout=1")
        message = freeze(EmailMessage("Hi", "Hi", to=[]), "bulletin")
        add_deliveries(message, (Recipient(f"{n}@example.com") for n in range(40)))

        deliver()

        assert Delivery.objects.queued().count() == 40
        assert set(Delivery.objects.values_list("state", "leased_until")) == {("queued", None)}
        assert Delivery.objects.exclude(attempts=0).count() == 2
        assert Delivery.objects.due().count() >= 38
        assert MailerHealth.objects.get().failures == 2


class TestSecrets:
    def test_are_erased_when_sent(self, smtp):
        delivery = send_code()
        deliver()

        message = Message.objects.get()
        assert "314-159" in smtp.received[0].raw.decode()
        assert "314-159" not in message.body + str(message.content)
        assert message.erased_at
        assert not Delivery.objects.filter(pk=delivery.pk).retryable().exists()

    def test_are_kept_while_they_are_needed(self, smtp):
        smtp.script.rcpt = {"*": "450 busy"}
        send_code()
        deliver()

        assert "314-159" in Message.objects.get().body

    def test_are_erased_when_refused_for_good(self, smtp):
        smtp.script.rcpt = {"*": "550 no"}
        send_code()
        deliver()

        assert "314-159" not in Message.objects.get().body

    def test_a_code_that_has_expired_is_not_sent_but_erased(self, smtp):
        delivery = send_code()

        with time_machine.travel(timezone.now() + timedelta(minutes=4)):
            deliver()

        delivery.refresh_from_db()
        assert (delivery.state, delivery.reason) == (State.SKIPPED, "expired")
        assert "314-159" not in Message.objects.get().body
        assert smtp.received == []

    def test_a_mail_without_a_secret_is_kept(self, smtp):
        attempt()

        assert Message.objects.get().body == "Good day."


class TestSeveralRecipients:
    def test_they_share_one_call_and_only_who_was_refused_for_now_gets_it_again(self, smtp):
        smtp.script.rcpt = {"bob@example.com": "450 busy"}
        people = {"to": ["ann@example.com", "bob@example.com"], "cc": ["cy@example.com"]}
        queue("letters", **people)
        deliver()
        first = dict(Delivery.objects.values_list("address", "state"))

        smtp.script.rcpt = {}
        again(Delivery.objects.get(address="bob@example.com"))

        assert first == {
            "ann@example.com": State.SENT,
            "bob@example.com": State.QUEUED,
            "cy@example.com": State.SENT,
        }
        assert [sorted(one.recipients) for one in smtp.received] == [
            ["ann@example.com", "cy@example.com"],
            ["bob@example.com"],
        ]
        assert smtp.received[0].mail["To"] == "ann@example.com, bob@example.com"
        assert smtp.received[0].mail["Cc"] == "cy@example.com"

    def test_who_is_in_bcc_is_seen_by_nobody(self, smtp):
        queue("letters", to=["ann@example.com"], bcc=["spy@example.com"])
        deliver()

        assert sorted(smtp.received[0].recipients) == ["ann@example.com", "spy@example.com"]
        assert b"spy" not in smtp.received[0].raw


class TestStopping:
    @pytest.mark.parametrize(
        ("reason", "channel", "state"),
        [
            ("complained", "bulletin", State.SKIPPED),
            ("complained", "letters", State.SENT),
            ("manual", "bulletin", State.SKIPPED),
            ("manual", "letters", State.SENT),
            ("bounced", "bulletin", State.SKIPPED),
            ("bounced", "letters", State.SKIPPED),
        ],
    )
    def test_a_suppression_stops_what_its_reason_says(self, smtp, reason, channel, state):
        Suppression.objects.create(address="Alice@Example.com", reason=reason)

        assert attempt(channel).state == state

    def test_it_may_concern_one_channel_or_a_time(self, smtp):
        yesterday = timezone.now() - timedelta(days=1)
        Suppression.objects.create(address="a@example.com", reason="manual", channel="other")
        Suppression.objects.create(address="b@example.com", reason="manual", until=yesterday)

        assert attempt("bulletin", to=["a@example.com"]).state == State.SENT
        assert attempt("bulletin", to=["b@example.com"]).state == State.SENT

    def test_it_is_looked_up_when_sending_not_when_queueing(self, smtp):
        (delivery,) = queue("bulletin")
        Suppression.objects.create(address="alice@example.com", reason="complained")

        deliver()

        delivery.refresh_from_db()
        assert (delivery.state, delivery.reason) == (State.SKIPPED, "suppressed")


class TestSignals:
    @pytest.fixture
    def heard(self):
        told = []
        names = {"about": signals.about_to_send, "sent": signals.sent, "failed": signals.failed}
        receivers = []
        for name, signal in names.items():

            def listen(sender, *, name=name, channel, alias, delivery, **_):
                told.append((name, channel, alias.partition(":")[0], delivery.address))

            receivers.append((signal, listen))
            signal.connect(listen)
        yield told
        for signal, listen in receivers:
            signal.disconnect(listen)

    def test_carry_channel_alias_and_delivery_over_smtp_too(self, smtp, heard):
        attempt("letters", to=["ann@example.com"])
        smtp.script.rcpt = {"*": "550 no"}
        attempt("letters", to=["bob@example.com"])

        assert heard == [
            ("about", "letters", "smtp", "ann@example.com"),
            ("sent", "letters", "smtp", "ann@example.com"),
            ("about", "letters", "smtp", "bob@example.com"),
            ("failed", "letters", "smtp", "bob@example.com"),
        ]

    def test_a_receiver_may_cancel(self, smtp):
        def refuse(sender, **_):
            raise signals.Cancel("not on a Sunday")

        signals.about_to_send.connect(refuse)
        try:
            delivery = attempt()
        finally:
            signals.about_to_send.disconnect(refuse)

        assert (delivery.state, delivery.reason) == (State.SKIPPED, "not on a Sunday")
        assert smtp.received == []

    def test_a_receiver_that_fails_changes_nothing(self, smtp, caplog):
        def fail(sender, **_):
            raise RuntimeError("my own fault")

        signals.sent.connect(fail)
        try:
            delivery = attempt()
        finally:
            signals.sent.disconnect(fail)

        assert delivery.state == State.SENT
        assert "my own fault" in caplog.text


class TestForgetting:
    def test_what_is_done_and_old_goes_and_the_rest_stays(self, in_memory, settings):
        done = attempt(to=["done@example.com"])
        young = attempt(to=["young@example.com"])
        (waiting,) = queue(to=["waiting@example.com"])
        old = timezone.now() - timedelta(days=settings.MAIL_RETENTION_DAYS + 1)
        Message.objects.exclude(pk=young.message_id).update(created_at=old)

        jobs.delete_old_messages()

        assert set(Delivery.objects.all()) == {young, waiting}
        assert not Message.objects.filter(pk=done.message_id).exists()

    @pytest.mark.full
    def test_a_hundred_thousand_go_in_bounded_batches(self, in_memory, settings):
        first, others = attempt(to=["0@example.com"]), range(1, 100_000)
        copies = (
            Delivery(
                message_id=first.message_id,
                channel=first.channel,
                route=first.route,
                address=f"{number}@example.com",
                state=State.SENT,
                finished_at=first.finished_at,
            )
            for number in others
        )
        Delivery.objects.bulk_create(copies, batch_size=5_000)
        Message.objects.update(created_at=timezone.now() - timedelta(days=4_000))
        deleted: list[int] = []

        def note(execute, sql, parameters, many, context):
            result = execute(sql, parameters, many, context)
            if sql.startswith('DELETE FROM "mailroom_delivery"'):
                deleted.append(context["cursor"].rowcount)
            return result

        with connection.execute_wrapper(note):
            while jobs.delete_old_messages():
                pass

        assert not Delivery.objects.exists()
        assert sum(deleted) == 100_000
        assert max(deleted) <= 1_000
