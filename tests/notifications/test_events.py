"""What happens elsewhere and is told here."""

import pytest
from django.core import mail
from django.utils import timezone

from newsletters.models import Issue, Newsletter, Subscription
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
    issue.publish()
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
