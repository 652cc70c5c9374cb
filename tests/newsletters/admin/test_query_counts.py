"""Pages of the admin ask the database as often for many subscribers and issues as for few."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailroom.delivery import breaker
from newsletters.models import Issue, Newsletter, Subscription

ADMIN = "/admin/newsletters/"


def fill(newsletter: Newsletter, subscribers: int, issues: int) -> Issue:
    """Add confirmed subscribers, and issues of which one is a draft."""
    now = timezone.now()
    table = connection.ops.quote_name(Subscription._meta.db_table)
    names = "newsletter_id, email, name, language, state, created_at, confirmed_at"
    more = "confirmation_wanted, left_because, consent_source, consent_wording"
    start = newsletter.subscriptions.count()
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s) "
            f"INSERT INTO {table} ({names}, {more}) SELECT %s, 'p' || (i + %s) || '@a.example', "
            f"'', 'en', 'confirmed', %s, %s, %s, '', '', '' FROM n",
            [subscribers, newsletter.pk, start, now, now, False],
        )
    first = newsletter.issues.count()
    rows = [
        Issue(newsletter=newsletter, subject=f"Issue {n}", slug=f"i{n}", body="Hi", state="sent")
        for n in range(first, first + issues)
    ]
    for number, row in enumerate(rows):
        row.published_at = row.queued_at = now - timedelta(days=number)
    Issue.objects.bulk_create(rows)
    return Issue.objects.get_or_create(
        newsletter=newsletter, slug="draft", defaults={"subject": "Draft", "body": "Hi {name}"}
    )[0]


def queries(desk, draft: Issue) -> dict[str, int]:
    """How many each page takes. All are opened once before, for what is looked up only once."""
    pages = [f"newsletter/{draft.newsletter_id}/change/", "newsletter/", "issue/", "subscription/"]
    pages += [f"issue/{draft.pk}/{name}/" for name in ("change", "preview", "publish")]
    found = {}
    for page in pages * 2:
        breaker.forget()  # else it depends on the time whether it is looked up anew
        with CaptureQueriesContext(connection) as asked:
            assert desk.get(ADMIN + page).status_code == 200
        found[page] = len(asked)
    return found


def test_the_number_of_queries_does_not_grow(desk, weekly):
    few = queries(desk, fill(weekly, 10, 3))
    many = queries(desk, fill(weekly, 3000, 100))
    assert many == few


@pytest.mark.full
def test_nor_with_half_a_million(desk, weekly):
    few = queries(desk, fill(weekly, 10, 3))
    many = queries(desk, fill(weekly, 500_000, 100))
    assert many == few
