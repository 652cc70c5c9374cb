"""What happens elsewhere and is told here."""

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.core import mail
from django.utils import timezone

from newsletters.models import Issue, Newsletter, Subscription
from newsletters.sending.publish import publish
from newsletters.signals import issue_sent, issue_stopped
from notifications.models import Notification
from notifications.receivers import SECURITY_EVENTS

PASSWORD = "correct-horse-42"


def test_a_new_issue_is_told_to_subscribers_with_an_account(ann, bob, drain):
    letter = Newsletter.objects.create(name="Weekly", slug="weekly")
    for email in ("ann@example.com", "stranger@example.com"):
        Subscription.objects.create(
            newsletter=letter, email=email, state="confirmed", confirmed_at=timezone.now()
        )
    issue = Issue.objects.create(newsletter=letter, subject="First", slug="first", body="Hello")
    publish(issue)
    drain()

    told = Notification.objects.get()
    assert (told.recipient, told.kind) == (ann, "new_issue")
    assert told.get_absolute_url() == issue.get_absolute_url()
    assert len(mail.outbox) == 2  # the issue itself, to both; no mail about it
    drain()
    assert Notification.objects.count() == 1


@pytest.mark.parametrize("event", SECURITY_EVENTS)
def test_each_security_event_is_told_in_words(inside, ann, event):
    request = inside.get("/").wsgi_request
    SECURITY_EVENTS[event].send(type(ann), request=request, user=ann)
    assert Notification.objects.get().data == {"event": event}
    assert "Something about the security" not in inside.get("/notifications/").text


def test_a_changed_password_is_told_here_and_by_one_mail(client, ann, drain):
    ann.set_password(PASSWORD)
    ann.save()
    client.post("/accounts/login/", {"login": ann.email, "password": PASSWORD})
    new = {"oldpassword": PASSWORD, "password1": "other-horse-42", "password2": "other-horse-42"}
    client.post("/accounts/password/change/", new)
    drain()
    assert "Your password was changed." in client.get("/notifications/").text
    assert [message.subject for message in mail.outbox] == ["Your password was changed"]


def test_confirming_ones_first_address_is_no_change_of_it(client, person):
    newcomer = person("newcomer@example.com")
    first = EmailAddress.objects.get(user=newcomer)
    EmailAddress.objects.update(verified=False)

    client.post(f"/accounts/confirm-email/{EmailConfirmationHMAC(first).key}/")

    first.refresh_from_db()
    assert first.verified
    assert list(Notification.objects.all()) == []


@pytest.fixture
def issue():
    letter = Newsletter.objects.create(name="Weekly", slug="weekly")
    return Issue.objects.create(newsletter=letter, subject="First", slug="first", body="Hello")


@pytest.fixture
def editors(person, django_user_model):
    person("editor@example.com", is_staff=True)
    return django_user_model.objects.filter(is_staff=True)


def test_editors_are_told_once_that_an_issue_is_sent(issue, editors, drain):
    for _ in range(2):
        issue_sent.send(Issue, issue=issue, editors=editors, failed=2)
    drain()
    told = Notification.objects.get()
    assert (told.kind, told.batch_key) == ("issue_sent", "Weekly")
    assert told.get_absolute_url() == f"/admin/newsletters/issue/{issue.pk}/change/"
    assert mail.outbox == []  # in the app, unless an editor wants more


def test_editors_get_a_mail_when_an_issue_stops_by_itself(issue, editors, drain):
    issue_stopped.send(Issue, issue=issue, editors=editors, reason="Too many bounced.")
    drain()
    (message,) = mail.outbox
    assert message.subject == "Stopped: First"
    assert "“First” of Weekly was paused automatically: Too many bounced." in message.body
