"""The demo's data, and what happens when its issue is published."""

import re
from collections import Counter
from email.utils import parseaddr
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth import get_user_model
from django.contrib.staticfiles import finders
from django.core import mail
from django.core.management import CommandError, call_command

from home.demo import past
from home.demo.environment import PASSWORD
from mailroom.models import (
    Attempt,
    Delivery,
    Event,
    MailAccount,
    Message,
    OutcomeCount,
    Suppression,
)
from newsletters.models import Issue, Newsletter, Subscription
from newsletters.sending.publish import publish
from newsletters.sending.report import IssueReport
from notifications.models import Notification

State = Subscription.State


@pytest.fixture
def seeded(db, settings) -> Newsletter:
    settings.DEBUG = True
    call_command("seed_demo", verbosity=0)
    return Newsletter.objects.get(slug="mailroom-letter")


def test_it_refuses_where_debug_is_off(db, settings) -> None:
    settings.DEBUG = False

    with pytest.raises(CommandError, match="DEBUG only"):
        call_command("seed_demo")
    assert get_user_model().objects.count() == 0


def test_it_makes_people_newsletters_subscribers_and_a_draft(seeded) -> None:
    states = Counter(seeded.subscriptions.values_list("state", flat=True))
    admin = get_user_model().objects.get(email="admin@example.com")

    assert admin.is_superuser
    assert admin.check_password(PASSWORD)
    assert admin.emailaddress_set.get().verified
    assert Newsletter.objects.count() == 2
    assert states == {State.CONFIRMED: 200, State.PENDING: 2, State.UNSUBSCRIBED: 1}
    assert seeded.issues.get().is_draft


def test_one_newsletter_has_a_mail_account_of_its_own(db, settings, admin_client) -> None:
    settings.DEBUG = True
    settings.MAIL_ACCOUNT_KEYS = [Fernet.generate_key().decode()]
    settings.MAIL_ACCOUNT_API_URLS = {"postmark": "http://127.0.0.1:1/"}
    call_command("seed_demo", verbosity=0)
    call_command("seed_demo", verbosity=0)

    account = MailAccount.objects.get()
    assert account.secrets().keys() == {"server_token"}
    assert list(account.newsletters.all()) == [Newsletter.objects.get(slug="changes")]
    page = admin_client.get(f"/admin/mailroom/mailaccount/{account.pk}/change/").text
    assert "newsletter: Changes" in page
    assert "demo-changes-token" not in page


def test_a_second_run_changes_nothing(seeded) -> None:
    get_user_model().objects.filter(email="reader@example.com").update(name="Somebody Else")

    call_command("seed_demo", verbosity=0)

    assert Subscription.objects.count() == 203
    assert Issue.objects.count() == 1
    assert get_user_model().objects.get(email="reader@example.com").name == "Somebody Else"


def test_200_subscribers_get_200_mails_each_their_own_however_often_it_is_published(
    seeded, outbox_mailers, drain, django_capture_on_commit_callbacks
) -> None:
    wanted = dict(seeded.subscriptions.confirmed().values_list("email", "name"))

    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            publish(seeded.issues.get())
        drain()

    assert sorted(recipient(one) for one in mail.outbox) == sorted(wanted)
    for one in mail.outbox:
        assert one.body.startswith(f"Hello {wanted[recipient(one)]},")
    assert len({unsubscribe_link(one) for one in mail.outbox}) == 200


def test_the_past_has_a_report_a_failover_and_suppressions(seeded) -> None:
    call_command("seed_demo", "--past", verbosity=0)

    report = IssueReport(seeded.issues.get(slug=past.SLUG))
    figures = {key: number for key, _label, number, _part in report.figures}
    assert figures["bounced"] == 3
    assert (figures["complained"], figures["unsubscribed"], figures["skipped"]) == (1, 1, 1)
    assert figures["delivered"] > 30
    assert set(Suppression.objects.active().values_list("reason", flat=True)) == {
        "bounced",
        "complained",
        "manual",
    }
    reset = Delivery.objects.get(channel="password_reset")
    assert (reset.state, reset.past_attempts.get().outcome) == ("sent", "refused")
    assert Notification.objects.filter(kind="mailer").count() == 3
    joined = seeded.subscriptions.confirmed().dates("confirmed_at", "week")
    assert len(joined) > 7
    assert seeded.issues.drafts().count() == 1


def test_the_past_can_be_made_again_and_removed_without_a_trace(seeded) -> None:
    Suppression.objects.create(address="gone@example.com", channel="newsletters", reason="manual")
    counted = (Subscription, Suppression, Issue, Message, Delivery, Notification, Event, Attempt)
    before = [model.objects.count() for model in counted]
    for _ in range(2):
        call_command("seed_demo", "--past", verbosity=0)
    assert Issue.objects.count() == 2

    call_command("seed_demo", "--remove-past", verbosity=0)

    assert [model.objects.count() for model in counted] == before
    assert Suppression.objects.get().reason == "manual"


def test_removing_the_past_leaves_what_others_have_with_the_same_addresses(seeded) -> None:
    def own(stage: str) -> list:
        """Rows of people who have the addresses of the past, made before and after it."""
        message = Message.objects.create(channel="newsletters", from_email="a@example.com")
        rows = [message]
        for address in (f"gone-{stage}@example.com", "gone@example.com", past.SKIPPED):
            delivery = Delivery.objects.create(
                message=message, channel="newsletters", address=address, state="sent"
            )
            event = Event.objects.create(
                provider="Mailgun",
                event_id=f"{stage}-{address}",
                kind="hard_bounce",
                delivery=delivery,
                address=address,
            )
            rows += [delivery, event]
        other = Newsletter.objects.get(slug="changes")
        rows.append(other.subscriptions.get_or_create(email="complaint+1@example.com")[0])
        rows.append(
            Suppression.objects.get_or_create(
                address="bounce+1@example.com",
                channel=f"{stage}"[:5],
                defaults={"reason": "bounced"},
            )[0]
        )
        rows.append(
            Notification.objects.create(
                recipient=get_user_model().objects.get(email="reader@example.com"),
                kind="new_issue",
                data={"newsletter": "N", "subject": "S"},
                dedupe_key=stage,
            )
        )
        return rows

    subscribed = seeded.subscriptions.create(email="gone@example.com", state="confirmed")
    rows = own("before")
    totals = OutcomeCount.objects.totals("channel", "state")
    call_command("seed_demo", "--past", verbosity=0)
    rows += own("after")

    call_command("seed_demo", "--remove-past", verbosity=0)

    for row in [subscribed, *rows]:
        assert type(row)._base_manager.filter(pk=row.pk).exists(), repr(row)
    left = OutcomeCount.objects.totals("channel", "state")
    assert {key: number for key, number in left.items() if number} == totals
    assert not seeded.subscriptions.filter(consent_source=past.DEMO_MARK).exists()


def test_removing_the_past_keeps_what_people_did_with_it(seeded, client, settings) -> None:
    call_command("seed_demo", "--past", verbosity=0)
    changed = Suppression.objects.get(address=past.SKIPPED)
    changed.note = "Asked by phone"
    changed.save()
    mine = seeded.subscriptions.get(email="not-for-me@example.com")
    join = {"email": mine.email, "name": "Kim", "website": ""}
    for path in (seeded.get_absolute_url(), "/newsletters/changes/"):
        assert client.post(path, join).status_code == 302
    mine.unsubscribe()
    client.post(seeded.get_absolute_url(), join)  # comes back: now it is a consent of their own
    sign_in = {"login": "reader@example.com", "password": PASSWORD}
    assert client.post("/accounts/login/", sign_in).status_code == 302
    issue = seeded.issues.get(slug=past.SLUG)
    copy = Issue.objects.create(newsletter=seeded, subject=issue.subject, body=issue.body)
    Issue.objects.filter(pk=issue.pk).update(subject="Why our emails bounce")

    call_command("seed_demo", "--remove-past", verbosity=0)

    changed.refresh_from_db()
    mine.refresh_from_db()
    copy.refresh_from_db()
    assert not Issue.objects.filter(pk=issue.pk).exists()
    assert Subscription.objects.filter(email=mine.email).count() == 2
    settings.DEBUG = False  # the addresses of the sandbox are there only if it was on at the start
    assert client.get("/accounts/profile/").status_code == 200


def recipient(message: mail.EmailMessage) -> str:
    return parseaddr(message.to[0])[1]


def unsubscribe_link(message: mail.EmailMessage) -> str:
    return re.search(r"http\S+/newsletters/unsubscribe/\S+", message.body)[0]


def test_the_draft_has_a_picture_that_mail_programs_show(seeded):
    """PNG, from this site: Gmail and Outlook show no SVG."""
    body = Issue.objects.get(slug="four-kinds-of-mail").body
    (name,) = re.findall(
        r"!\[[^\]]+\]\(http\S+/static/(demo/[\w.-]+?)(?:\.[0-9a-f]{12})?\.png\)", body
    )
    path = finders.find(f"{name}.png")
    assert path
    assert Path(path).read_bytes().startswith(b"\x89PNG")
    assert ".svg" not in body
