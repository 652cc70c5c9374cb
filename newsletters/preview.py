"""An issue as one reader gets it, by the very path that sends."""

from django.core.mail import EmailMultiAlternatives

from mailroom.messages.serializers import build
from mailroom.models import Delivery, Message
from mailroom.outbox import frozen
from newsletters import emails
from newsletters.markdown import KNOWN, render_text, size_fault
from newsletters.models import Issue, Newsletter, Subscription
from newsletters.tokens import member_token

NOBODY = 0  # no subscription has this number, so that the links of a preview change nothing


def preview(issue: Issue, name: str, address: str) -> EmailMultiAlternatives:
    """The e-mail of an issue for a reader; what was frozen when it was published already.

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
    values = emails.reader_values(member_token(NOBODY), name, issue.language_code)
    mail = emails.issue_to(issue, values)
    mail.render()
    return mail


def inbox_values(issue: Issue, name: str) -> dict[str, str]:
    """What may stand in a subject, for a reader of this name."""
    return {**emails.common_values(issue), **emails.greeting(name, issue.language_code)}


def nobodys_values(issue: Issue, name: str) -> dict[str, object]:
    """The small values of a delivery that stands for no subscription."""
    return {"subscription": NOBODY, "name": name, "language": issue.language_code}


def text_of(body: str) -> str:
    """The text version that is made from a body, its placeholders still to be filled."""
    return render_text(body, {name: f"{{{name}}}" for name in KNOWN})


def _addressed(issue: Issue, row: Message, name: str, address: str) -> EmailMultiAlternatives:
    values = nobodys_values(issue, name)
    return build(row, [Delivery(message=row, address=address, name=name, values=values)])
