"""A test of an issue: the very mail, marked, to a few, with links that unsubscribe nobody."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.crypto import salted_hmac

from mailroom.outbox import Recipient, add_deliveries, freeze
from newsletters.models import Issue, IssueTest
from newsletters.preview import for_one, nobodys_values

MARK = "[Test]"
MOST = 10  # addresses
SHOWN = 10  # tests


class SentTest(NamedTuple):
    """One test that was sent, and whether the issue still says what it said."""

    row: IssueTest
    is_current: bool


@transaction.atomic
def send_test(issue: Issue, addresses: Sequence[str], name: str = "", *, by: Any = None) -> int:
    """Send a draft's mail to these addresses, and remember who tested which content.

    Returns how many. Raises ValidationError for content that may not go out.
    """
    issue.full_clean()
    mail = for_one(issue, name)
    mail.subject = f"{MARK} {mail.subject}"
    message = freeze(mail)
    values = nobodys_values(issue, name)
    sent = add_deliveries(message, [Recipient(one, name, values) for one in addresses])
    IssueTest.objects.create(
        issue=issue, by=by, content=fingerprint(issue), addresses=list(addresses)
    )
    return sent


def fingerprint(issue: Issue) -> str:
    """The same for the same content."""
    parts = [issue.subject, issue.preheader, issue.body]
    # Tests of before there were these say what they said.
    parts += [part for part in (issue.text, issue.language) if part]
    return salted_hmac("newsletters.tested", "\0".join(parts), algorithm="sha256").hexdigest()


def tests_of(issue: Issue) -> list[SentTest]:
    """The latest tests, newest first."""
    now = fingerprint(issue)
    rows = issue.tests.select_related("by")[:SHOWN]
    return [SentTest(row, row.content == now) for row in rows]


def is_tested(issue: Issue) -> bool:
    """True if what the issue says now went out as a test."""
    return issue.tests.filter(content=fingerprint(issue)).exists()
