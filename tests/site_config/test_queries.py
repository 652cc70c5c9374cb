"""How many queries a page costs, which must not grow with what there is to show."""

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailroom.models import Delivery, Event, Message, Suppression
from newsletters.models import Issue, Newsletter, Subscription
from notifications.models import Notification

# Page: at most so many queries, for somebody of the staff where it begins with one of these.
PAGES = {
    "/": 13,
    "/newsletters/": 12,
    "/newsletters/news0/": 16,
    "/newsletters/news0/issue0/": 12,
    "/newsletters/news0/feed/": 12,
    "/accounts/login/": 8,
    "/accounts/profile/": 12,
    "/notifications/": 16,
    "/notifications/preferences/": 16,
    "/mail/status/": 40,
    "/admin/": 16,
    "/admin/mailroom/delivery/": 20,
    "/admin/mailroom/message/": 20,
    "/admin/mailroom/suppression/": 20,
    "/admin/newsletters/issue/": 20,
    "/admin/newsletters/subscription/": 20,
    "/admin/newsletters/newsletter/": 20,
    "/admin/accounts/user/": 20,
}
FOR_STRANGERS = ("/accounts/login/",)


@pytest.fixture
def staff(db):
    user = get_user_model().objects.create_superuser("ada@example.com", name="Ada")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def fill(staff, first: int, last: int) -> None:
    """One more of everything, for each number."""
    now = timezone.now()
    for n in range(first, last):
        news = Newsletter.objects.create(name=f"News {n}", slug=f"news{n}")
        for one in Newsletter.objects.all():
            issue = Issue(newsletter=one, slug=f"issue{n}", subject=f"Issue {n}", body="Hello")
            issue.state, issue.published_at = Issue.State.SENT, now
            issue.save()
        Subscription.objects.create(newsletter=news, email=f"a{n}@example.com").confirm()
        message = Message.objects.create(channel="newsletters", subject="S", body="B")
        row = Delivery.objects.create(
            message=message, channel="newsletters", address=f"a{n}@example.com", not_before=now
        )
        Event.objects.create(provider="postmark", event_id=str(n), delivery=row, happened_at=now)
        Suppression.objects.create(address=f"b{n}@example.com", reason="bounced")
        get_user_model().objects.create_user(f"u{n}@example.com", name="U")
        Notification.objects.create(recipient=staff, kind="sign_in", data={"device": "x"})


def count(client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200, path
    return len(queries)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_costs_no_more_queries_where_there_is_more_to_show(client, staff, path):
    if not path.startswith(FOR_STRANGERS):
        client.force_login(staff)
    fill(staff, 0, 2)
    client.get(path)
    few = count(client, path)
    fill(staff, 2, 12)
    many = count(client, path)

    assert many <= few
    assert many <= PAGES[path]
