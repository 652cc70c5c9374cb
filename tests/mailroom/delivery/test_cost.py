"""What an email costs the database, in statements."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailroom.delivery import breaker, claim
from mailroom.delivery.engine import Lane
from mailroom.messages import TemplatedMessage
from mailroom.models import Delivery, Message, OutcomeCount
from mailroom.outbox import Recipient, add_deliveries, freeze
from tests.mailroom.conftest import queue

pytestmark = pytest.mark.django_db(transaction=True)

CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
WRITES = ("INSERT", "UPDATE", "DELETE")


def statements(queries: CaptureQueriesContext) -> list[str]:
    found = [query["sql"].lstrip("(") for query in queries.captured_queries]
    return [sql for sql in found if not sql.startswith(CONTROL)]


def writes(queries: CaptureQueriesContext) -> list[str]:
    return [sql for sql in statements(queries) if sql.startswith(WRITES)]


def send_one(**fields) -> CaptureQueriesContext:
    """Everything from `send()` to `sent`, as in a worker that was woken for it."""
    breaker.forget()
    with CaptureQueriesContext(connection) as queries:
        if fields:
            TemplatedMessage("tests.code", to=["a@example.com"], context=fields).send()
        else:
            queue("letters")
        lane = ("letters", Delivery.objects.latest("pk").route)
        Lane(*lane).run()
        claim.next_due(*lane)
    assert Delivery.objects.get().state == Delivery.State.SENT
    return queries


def test_one_transactional_email(smtp):
    queries = send_one()

    helper = 3  # the latest delivery, asked for by the test itself
    assert len(writes(queries)) == 5, writes(queries)
    assert len(statements(queries)) - helper <= 14, statements(queries)
    assert OutcomeCount.objects.totals("state") == {("sent",): 1}


def test_one_with_a_secret_is_erased_by_one_write_more(smtp):
    queries = send_one(code="314-159")

    assert Message.objects.get().erased_at
    assert len(writes(queries)) == 6, writes(queries)
    assert len(statements(queries)) - 1 <= 14, statements(queries)


def test_a_window_of_bulk_costs_as_much_as_one_row_of_it(smtp):
    from django.core.mail import EmailMessage

    def cost(number: int) -> int:
        message = freeze(EmailMessage("Hi", "Hi", to=[]), "bulletin")
        add_deliveries(message, (Recipient(f"{n}@example.com") for n in range(number)))
        breaker.forget()
        with CaptureQueriesContext(connection) as queries:
            Lane("bulletin", Delivery.objects.latest("pk").route).run()
        return len(statements(queries))

    assert cost(100) <= cost(1) + 4
