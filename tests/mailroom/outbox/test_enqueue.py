"""Into the outbox and out again: in the caller's transaction, and exactly as it was."""

from datetime import UTC, datetime
from email.message import MIMEPart

import pytest
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import transaction

from mailroom import tasks
from mailroom.delivery.feedback import handle_events
from mailroom.delivery.wakeups import Wakeup, listen
from mailroom.models import Delivery, Message
from mailroom.outbox import Recipient, add_deliveries, freeze
from tests.mailroom.conftest import deliver, queue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_memory")]


def round_trip(message: EmailMessage) -> EmailMultiAlternatives:
    message.send(using="letters")
    deliver()
    (arrived,) = mail.outbox
    return arrived


def test_a_change_that_is_rolled_back_leaves_no_mail():
    with transaction.atomic():
        queue()
        transaction.set_rollback(True)

    assert not Message.objects.exists()
    assert not Delivery.objects.exists()


def test_workers_are_woken_at_the_commit_once_for_each_lane():
    woken: list[Wakeup] = []
    unsubscribe = listen(woken.append)
    try:
        with transaction.atomic():
            queue()
            queue(to=["bob@example.com"])
            assert woken == []
    finally:
        unsubscribe()

    assert woken == [Wakeup("letters", "console")]


def test_nobody_is_woken_for_what_is_rolled_back():
    woken: list[Wakeup] = []
    unsubscribe = listen(woken.append)
    try:
        with transaction.atomic():
            with transaction.atomic():
                queue()
                transaction.set_rollback(True)
            queue("bulletin")
    finally:
        unsubscribe()

    assert woken == [Wakeup("bulletin", "console")]


def test_a_task_queue_that_is_away_is_logged_and_raises_nothing(settings, caplog):
    settings.TASKS = {
        "default": {"BACKEND": "tests.mailroom.outbox.test_enqueue.Away", "QUEUES": []}
    }

    with transaction.atomic():
        tasks.enqueue(handle_events)
        (delivery,) = queue()
    deliver()

    delivery.refresh_from_db()
    assert delivery.state == Delivery.State.SENT
    louder_than_usual = [one.levelname for one in caplog.records if one.levelname != "INFO"]
    assert louder_than_usual == ["WARNING"]


from django.tasks.backends.base import BaseTaskBackend  # noqa: E402


class Away(BaseTaskBackend):
    """A task backend whose broker can't be reached."""

    def enqueue(self, task, args, kwargs):
        raise ConnectionError("no broker")


def test_everything_django_knows_survives():
    message = EmailMultiAlternatives(
        subject="Grüße, ☕",
        body="Text ä",
        from_email="Other <other@example.com>",
        to=['"Doe, John" <john@example.com>'],
        cc=["cc@example.com"],
        bcc=["bcc@example.com"],
        reply_to=["Reply <reply@example.com>"],
        headers={"X-Number": "7", "List-Id": "<list.example.com>"},
    )
    message.attach_alternative("<p>HTML ä</p>", "text/html")
    message.attach_alternative(b"BEGIN:VCALENDAR", "text/calendar")
    message.attach("report.pdf", b"%PDF\x00\xff", "application/pdf")
    message.attach("notes.txt", "line ä\n", "text/plain")
    part = MIMEPart()
    part.set_content(b"\x89PNG", "image", "png", cid="<logo>")
    message.attach(part)

    arrived = round_trip(message)

    for name in ("subject", "body", "from_email", "to", "cc", "bcc", "reply_to", "alternatives"):
        assert getattr(arrived, name) == getattr(message, name), name
    assert arrived.extra_headers["X-Number"] == "7"
    assert arrived.attachments[:2] == message.attachments[:2]
    assert arrived.attachments[2].get_payload(decode=True) == b"\x89PNG"
    assert arrived.attachments[2]["Content-ID"] == "<logo>"


def test_an_html_only_mail_stays_html():
    message = EmailMessage("Hi", "<b>Hi</b>", to=["alice@example.com"])
    message.content_subtype = "html"

    assert round_trip(message).message().get_content_type() == "text/html"


def test_the_extras_of_anymail_survive():
    message = EmailMessage("Hi", "Hi", to=["alice@example.com"])
    message.tags = ["welcome"]
    message.metadata = {"order": 7}
    message.track_opens = False
    message.send_at = datetime(2030, 1, 1, tzinfo=UTC)
    message.esp_extra = {"deep": {"list": [1, b"\x00"]}}

    arrived = round_trip(message)

    assert arrived.tags == ["welcome"]
    assert arrived.metadata["order"] == 7
    assert arrived.metadata["delivery"] == str(Delivery.objects.get().pk)
    assert arrived.track_opens is False
    assert arrived.send_at == message.send_at
    assert arrived.esp_extra == message.esp_extra


def test_mail_without_a_from_gets_that_of_its_channel():
    assert round_trip(EmailMessage("Hi", "Hi", to=["a@example.com"])).from_email == (
        "Letters <letters@mailroom.test>"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": "Hi\r\nBcc: all@example.com"},
        {"subject": "Hi\x00"},
        {"body": "NUL \x00"},
        {"to": ["alice@example.com\nBcc: all@example.com"]},
        {"headers": {"X-Name\r\nBcc": "all@example.com"}},
        {"headers": {"X-Name": "one\r\nBcc: all@example.com"}},
        {"reply_to": ["me@example.com\nBcc: all@example.com"]},
    ],
)
def test_what_could_never_be_sent_is_refused_at_once(wrong):
    with pytest.raises(ValueError, match=r"."):
        queue(**wrong)

    assert not Message.objects.exists()


def test_what_json_can_not_hold_is_refused_by_its_type():
    message = EmailMessage("Hi", "Hi", to=["alice@example.com"])
    message.metadata = {"order": object()}

    with pytest.raises(TypeError, match="object"):
        message.send(using="letters")


def test_an_address_gets_a_message_once_however_often_it_is_added():
    message = freeze(EmailMessage("Hi", "Hi", to=[]), "letters")
    people = [Recipient("a@example.com"), Recipient("b@example.com")]

    add_deliveries(message, people)
    add_deliveries(message, [*people, Recipient("c@example.com")])
    deliver()

    assert sorted(one.to[0] for one in mail.outbox) == [
        "a@example.com",
        "b@example.com",
        "c@example.com",
    ]


def test_recipients_are_read_one_batch_after_the_other(django_assert_num_queries):
    message = freeze(EmailMessage("Hi", "Hi", to=[]), "letters")
    taken = []

    def people():
        for number in range(2500):
            taken.append(number)
            if number == 2000:  # two batches are stored before the third is read
                assert Delivery.objects.count() == 2000
            yield Recipient(f"{number}@example.com")

    assert add_deliveries(message, people()) == 2500
    assert len(taken) == 2500


def test_nul_in_a_name_or_value_is_left_out_and_the_email_goes_out():
    message = freeze(EmailMessage("Hello", "Body"), "letters")
    message.save()

    add_deliveries(message, [Recipient("ann@example.com", "Ann\0", {"code": "a\0b", "count": 1})])

    delivery = Delivery.objects.get()
    assert (delivery.name, delivery.values) == ("Ann", {"code": "ab", "count": 1})
