"""A test of an issue: the very mail, marked, to a few, with links that unsubscribe nobody."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from mailroom.outbox import Recipient, add_deliveries, freeze
from newsletters import emails
from newsletters.models import Issue
from newsletters.preview import NOBODY
from newsletters.tokens import member_token

MARK = "[Test]"
MOST = 10  # addresses


@transaction.atomic
def send_test(issue: Issue, addresses: Sequence[str], name: str = "") -> int:
    """Send a draft's mail to these addresses, and remember that this content was tested.

    Returns how many. Raises ValidationError for content that may not go out.
    """
    issue.full_clean()
    language = issue.newsletter.language
    mail = emails.issue_to(issue, emails.reader_values(member_token(NOBODY), name, language))
    mail.render()
    mail.subject = f"{MARK} {mail.subject}"
    message = freeze(mail)
    values = {"subscription": NOBODY, "name": name, "language": language}
    sent = add_deliveries(message, [Recipient(one, name, values) for one in addresses])
    tested = {"tested_at": timezone.now(), "tested_content": fingerprint(issue)}
    Issue.objects.filter(pk=issue.pk).update(**tested)
    return sent


def fingerprint(issue: Issue) -> str:
    """The same for the same content."""
    text = "\0".join([issue.subject, issue.preheader, issue.body])
    return salted_hmac("newsletters.tested", text, algorithm="sha256").hexdigest()


def is_tested(issue: Issue) -> bool:
    """True if what the issue says now went out as a test."""
    return bool(issue.tested_content) and issue.tested_content == fingerprint(issue)
