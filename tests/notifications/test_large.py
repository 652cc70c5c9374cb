"""Large inboxes, large audiences, and events that are told again and again."""

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailroom.models import Delivery, Message
from notifications.models import Mailing, Notification
from notifications.notify import notify
from tests.at_once import at_once
from tests.notifications.conftest import confirm

INBOX = "/notifications/"


@pytest.fixture
def crowd(django_user_model):
    """1,200 people, two batches and a bit, in three languages."""
    languages = ("en", "fr", "pa")
    users = django_user_model.objects.bulk_create(
        django_user_model(email=f"p{n}@example.com", language=languages[n % 3]) for n in range(1200)
    )
    confirm(users)
    return django_user_model.objects.filter(email__startswith="p")


class TestNotify:
    def test_ten_times_is_once(self, ann, draft, drain):
        for _ in range(10):
            notify(ann, "announcement", dedupe_key="moved", **draft.values())
            drain()
        assert Notification.objects.count() == len(mail.outbox) == Mailing.objects.count() == 1

    def test_takes_as_many_queries_for_each_batch(self, crowd, draft):
        def queries(people) -> int:
            with CaptureQueriesContext(connection) as seen:
                notify(people, "announcement", **draft.values())
            return len(seen)

        small, large = queries(crowd[:500]), queries(crowd[:1000])
        again = queries(crowd[:500])
        # On PostgreSQL the workers are told once in a transaction, and a test is one.
        assert small == again + (connection.vendor == "postgresql")
        assert large <= 2 * small
        assert small < 40

    def test_freezes_one_message_a_language(self, crowd, draft):
        assert notify(crowd, "announcement", dedupe_key="moved", **draft.values()) == 1200
        assert Message.objects.count() == 3
        assert Delivery.objects.count() == 1200


@pytest.mark.django_db(transaction=True)
def test_two_who_tell_the_same_at_once_tell_it_once(ann, bob, draft, drain):
    def tell() -> int:
        return notify([ann, bob], "announcement", dedupe_key="moved", **draft.values())

    at_once(tell, tell)
    drain()
    assert Notification.objects.count() == len(mail.outbox) == 2


@pytest.fixture
def full_inbox(ann, bob):
    """5,000 rows of Ann's among as many of Bob's, every fifth unread."""
    many = [
        Notification(
            recipient=user,
            kind=("new_issue", "announcement")[n // 10 % 2],
            data={"newsletter": "Weekly", "subject": "x", "title": "x"},
            read_at=None if n % 5 == 0 else "2026-01-01T00:00Z",
        )
        for n in range(5000)
        for user in (ann, bob)
    ]
    Notification.objects.bulk_create(many)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


FILTERS = ["", "?show=unread", "?show=read", "?kind=announcement", "?kind=announcement&show=unread"]


@pytest.mark.parametrize("filters", FILTERS)
def test_a_page_of_a_full_inbox_reads_indexes_only(inside, full_inbox, filters, ann):
    middle = Notification.objects.of(ann)[2500].pk
    address = INBOX + filters + ("&" if filters else "?") + f"before={middle}"
    inside.get(address)  # what is only looked up once in a process
    with CaptureQueriesContext(connection) as seen:
        page = inside.get(address)
    assert len(page.context["notifications"]) == 30
    assert len(seen) <= 9
    own = [one["sql"] for one in seen if 'FROM "notifications_notification"' in one["sql"]]
    assert own
    for sql in own:
        plan = explain(sql)
        assert "index" in plan.lower(), plan
        assert "Seq Scan" not in plan, plan
        assert "SCAN notifications_notification" not in plan, plan
        assert "TEMP B-TREE" not in plan, plan
        assert "Sort" not in plan, plan


def explain(sql: str) -> str:
    how = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.execute(f"{how} {sql}")
        return "\n".join(str(row) for row in cursor.fetchall())
