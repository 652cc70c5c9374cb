"""An issue as one reader gets it, by the very path that sends."""

from django.core.mail import EmailMultiAlternatives
from django.db import transaction

from mailroom.envelope import build
from mailroom.models import Delivery, Message
from mailroom.outbox import freeze
from newsletters import emails
from newsletters.models import Issue

NOBODY = 0  # no subscription has this number, so that the links of a preview change nothing


def preview(issue: Issue, name: str, address: str) -> EmailMultiAlternatives:
    """The e-mail of an issue for a reader; what was frozen when it was published already.

    Nothing is stored: a draft's content is frozen in a transaction that is rolled back.
    """
    if issue.message:
        return _addressed(issue, issue.message, name, address)
    with transaction.atomic():
        mail = _addressed(issue, freeze(emails.issue(issue)), name, address)
        transaction.set_rollback(True)
    return mail


def _addressed(issue: Issue, row: Message, name: str, address: str) -> EmailMultiAlternatives:
    values = {"subscription": NOBODY, "name": name, "language": issue.newsletter.language}
    return build(row, [Delivery(message=row, address=address, name=name, values=values)])
