"""The headers of each message type, as they arrived over SMTP."""

import re
from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from mailroom.config.mailers import MailerTree
from mailroom.config.urls import parse
from mailroom.delivery.engine import deliver_due
from mailroom.models import Delivery
from mailroom.outbox import Recipient, add_deliveries, freeze
from newsletters.models import Newsletter
from newsletters.sending import publish
from notifications import emails
from notifications.digests import sections
from notifications.models import Announcement, Notification, Preference
from notifications.notify import notify
from notifications.tokens import DIGEST
from sandbox.inbox import previews
from tests.mailroom.fakes.smtp import Received, SMTPServer

pytestmark = pytest.mark.django_db

ALWAYS = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Feedback-ID")
LIST = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Archive", "Precedence")


@pytest.fixture
def arrive(outbox_mailers, settings) -> Callable[[str], Received]:
    """Send a mail of a type through its own channel; what a real server got."""
    with SMTPServer() as server:
        tree = MailerTree()
        via = tree.add(parse(server.url))
        for entry in outbox_mailers.values():
            if "via" in entry.get("OPTIONS", {}):
                entry["OPTIONS"]["via"] = via
        settings.MAILERS = {**outbox_mailers, **tree.mailers}
        settings.MAILER_URLS, settings.MAILER_SENDERS = tree.urls, tree.senders

        def send(name: str) -> Received:
            channel = settings.MESSAGE_TYPES[name].channel
            if name == "newsletters.issue":
                _queue_issue()
            elif name.startswith("notifications."):
                _queue_notice(name.removeprefix("notifications."))
            else:
                previews()[name]("en").send()
            deliver_due(channel)
            assert Delivery.objects.get().error == ""
            return server.received[0]

        yield send


def _queue_notice(kind: str) -> None:
    reader = get_user_model().objects.create_superuser("ada@example.com", "x")
    reader.emailaddress_set.create(email=reader.email, verified=True, primary=True)
    if kind == DIGEST:
        rows = [Notification(kind="announcement", data={"title": "We moved"})]
        values = {"kind": DIGEST, "user": reader.pk}
        written = freeze(emails.digest("en", sections(rows), 0))
        add_deliveries(written, [Recipient(reader.email, values=values)])
        return
    Preference.objects.create(user=reader, kind=kind, delivery="instant")
    announcement = Announcement.objects.create(title="We moved", body="News.")
    data = {"newsletter": "Weekly", "subject": "Hi", "ip": "203.0.113.7", "browser": "Firefox"}
    notify(reader, kind, **(announcement.values() | data))


def _queue_issue() -> None:
    letter = Newsletter.objects.create(name="Weekly", slug="weekly")
    letter.subscriptions.create(
        email="ada@example.com", name="Ada", state="confirmed", confirmed_at=timezone.now()
    )
    issue = letter.issues.create(subject="Hi", slug="hi", body="x")
    publish.publish(issue)
    publish.queue_deliveries(issue)


@pytest.mark.parametrize("name", settings.MESSAGE_TYPES)
def test_what_arrives(arrive, name):
    mail = arrive(name).mail
    row = settings.MESSAGE_TYPES[name]

    assert {header: len(mail.get_all(header, [])) for header in ALWAYS} == dict.fromkeys(ALWAYS, 1)
    campaign, channel, stream, sender = mail["Feedback-ID"].split(":")
    assert (channel, stream) == (row.channel, "bulk" if row.bulk else "transactional")
    assert sender == "mailroom"
    assert mail.get_body(("plain",)).get_content().strip()
    if name == "newsletters.issue":
        assert campaign.startswith("weekly-")
        assert all(len(mail.get_all(header, [])) == 1 for header in LIST)
        assert mail["List-Unsubscribe"].startswith("<http")
        assert mail["Precedence"] == "bulk"
        assert mail["Auto-Submitted"] is None
    else:
        assert mail["Auto-Submitted"] == "auto-generated"
    if row.bulk:  # the way out, notifications and digests included
        assert mail["List-Unsubscribe"].startswith("<http")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert re.fullmatch(r"<[\w.-]+\.mailroom\.test>", mail["List-Id"])
    else:
        assert not [header for header in LIST if mail[header]]


def test_a_mailbox_to_leave_by_stands_behind_the_link(arrive, settings):
    settings.UNSUBSCRIBE_MAILBOX = "leave@mailroom.test"
    ways = arrive("newsletters.issue").mail["List-Unsubscribe"]
    assert ways.count("<") == 2
    assert re.search(r", <mailto:leave\+[a-z2-7]{26}@mailroom\.test\?subject=unsubscribe>$", ways)
