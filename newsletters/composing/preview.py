"""An issue as one reader gets it, by the very path that sends."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString

from mailroom.messages.serializers import build
from mailroom.models import Delivery, Message
from mailroom.outbox import Recipient, add_deliveries, freeze, frozen
from newsletters import emails
from newsletters.composing.pictures import widths_in
from newsletters.markdown import KNOWN, greeting, render_html, render_text, size_fault
from newsletters.models import Issue, IssueTest, Newsletter, Subscription
from newsletters.subscribers.tokens import member_token

# No subscription has this number, so that the links of a preview change nothing.
NO_SUBSCRIPTION = 0


def preview(issue: Issue, name: str, address: str) -> EmailMultiAlternatives:
    """The email of an issue for a reader; what was frozen when it was published already.

    Nothing is stored, and the issue may be one that never was. Raises ValueError for content that
    could not be sent.
    """
    row = issue.message or frozen(for_one(issue, name))
    return _addressed(issue, row, name, address)


def reader(newsletter: Newsletter, address: str) -> Subscription:
    """The subscriber to look for, or somebody made up."""
    found = Subscription.objects.of(address.replace("\0", ""))  # PostgreSQL takes no NUL
    known = found.filter(newsletter_id=newsletter.pk)
    return known.first() or Subscription(name="Ada Lovelace", email="ada@example.com")


def for_one(issue: Issue, name: str) -> emails.TemplatedMessage:
    """The mail of a draft rendered for one reader, with links that unsubscribe nobody.

    Slots are only taken in place of this render where they come to the same. Raises ValueError for
    a body that takes too long to render.
    """
    if fault := size_fault(issue.body):
        raise ValueError(fault)
    values = emails.reader_values(member_token(NO_SUBSCRIPTION), name, issue.language_code)
    mail = emails.issue_to(issue, values)
    mail.render()
    return mail


def inbox_values(issue: Issue, name: str) -> dict[str, str]:
    """What may stand in a subject, for a reader of this name."""
    return {**issue.common_values(), **greeting(name, issue.language_code)}


def nobodys_values(issue: Issue, name: str) -> dict[str, object]:
    """The small values of a delivery that stands for no subscription."""
    return {"subscription": NO_SUBSCRIPTION, "name": name, "language": issue.language_code}


def generated_text(body: str) -> str:
    """The text version that is made from a body, its placeholders still to be filled."""
    return render_text(body, {name: f"{{{name}}}" for name in KNOWN})


def _addressed(issue: Issue, row: Message, name: str, address: str) -> EmailMultiAlternatives:
    values = nobodys_values(issue, name)
    return build(row, [Delivery(message=row, address=address, name=name, values=values)])


# -- On the web ------------------------------------------------------------------------------------


def issue_html(issue: Issue) -> SafeString:
    return render_html(issue.body, issue.public_values(), widths_in(issue.body))


# -- Tests -----------------------------------------------------------------------------------------

TEST_PREFIX = "[Test]"
TEST_ADDRESSES = 10  # addresses
TESTS_SHOWN = 10  # tests


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
    mail.subject = f"{TEST_PREFIX} {mail.subject}"
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
    rows = issue.tests.select_related("by")[:TESTS_SHOWN]
    return [SentTest(row, row.content == now) for row in rows]


def is_tested(issue: Issue) -> bool:
    """True if what the issue says now went out as a test."""
    return issue.tests.filter(content=fingerprint(issue)).exists()
