"""No query of a page, a webhook, an erasure or the engine reads a whole outbox."""

import pytest
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailroom.delivery import claim
from mailroom.models import Delivery, Message
from mailroom.outbox import freeze
from mailroom.status import figures, overview

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("in_memory"),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="its plans are looked at"),
]
ROWS = 50_000

FILL = """
INSERT INTO mailroom_delivery (message_id, channel, route, address, address_key, name, values,
    state, reason, error, attempts, created_at, not_before, finished_at, leased_by, alias,
    provider_id, feedback)
SELECT %s, 'bulletin', 'console', n || '@example.com', n || '@example.com', '', '{}', 'sent',
    '', '', 1, now(), now(), now() - n * interval '1 second', '', 'console', 'id-' || n, ''
FROM generate_series(1, %s) AS n
"""


@pytest.fixture
def full() -> Message:
    """An outbox in which much was sent."""
    message = freeze(EmailMessage("News", "News", to=[]), "bulletin")
    with connection.cursor() as cursor:
        cursor.execute(FILL, [message.pk, ROWS])
        cursor.execute("ANALYZE mailroom_delivery")
    return message


QUERIES = {
    "erasing a person": lambda: Delivery.objects.of("7@example.com"),
    "a webhook that names the provider's id": lambda: Delivery.objects.filter(
        provider_id="id-7"
    ).exclude(provider_id=""),
    "what waits in a channel": lambda: Delivery.objects.queued().filter(channel="bulletin")[:100],
    "what failed in a channel": lambda: Delivery.objects.filter(channel="bulletin", state="failed")[
        :100
    ],
    "what has expired": lambda: Delivery.objects.queued().filter(expires_at__lte=timezone.now()),
    "what was abandoned": Delivery.objects.abandoned,
    "what ended lately": lambda: Delivery.objects.filter(finished_at__isnull=False).order_by(
        "-finished_at", "-pk"
    )[:500],
}


@pytest.mark.parametrize("name", QUERIES)
def test_uses_an_index_for(full, name):
    plan = QUERIES[name]().explain()

    assert "Seq Scan on mailroom_delivery" not in plan, plan


@pytest.mark.parametrize("behind", [0, ROWS // 2], ids=["the first", "one behind another"])
def test_a_window_is_found_by_an_index_and_not_sorted(full, behind):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mailroom_delivery SET state = 'queued'")
        cursor.execute("ANALYZE mailroom_delivery")
    last = Delivery.objects.order_by("not_before", "pk")[behind]

    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        rows = claim.claim("bulletin", "console", "me", 100, last if behind else None)

    assert len(rows) == 100
    asked = next(one["sql"] for one in queries.captured_queries if "is_grouped" in one["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "delivery_lane" in plan, plan
    assert "Seq Scan on mailroom_delivery" not in plan, plan
    assert "Sort" not in plan, plan


@pytest.mark.parametrize("state", ["sent", "queued"])
def test_the_lanes_are_found_by_an_index(full, state):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mailroom_delivery SET state = %s", [state])
        cursor.execute("ANALYZE mailroom_delivery")
        cursor.execute(f"EXPLAIN {claim.LANES}")
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "delivery_lane" in plan, plan
    assert "Seq Scan on mailroom_delivery" not in plan, plan


def test_the_home_and_status_pages_count_no_delivery_that_has_ended(full):
    with CaptureQueriesContext(connection) as queries:
        overview.carried()
        overview.waiting("bulletin")
        figures.queue_figures()
        figures.provider_figures()

    for query in queries.captured_queries:
        if "mailroom_delivery" in query["sql"]:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {query['sql']}")
                plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan on mailroom_delivery" not in plan, plan
