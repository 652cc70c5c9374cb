"""While an issue is being sent: pause, go on, cancel the rest, try again what failed.

Each step is won by one of those who press at once: the row says which state it leaves.
"""

from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from mailroom import holding
from mailroom.models import Message
from newsletters.models import Issue
from newsletters.tasks import queue_issue

State = Issue.State
CANCELLED = gettext_noop("cancelled by an editor")


@transaction.atomic
def pause(issue: Issue) -> bool:
    """Send nothing more until `resume`; False if it isn't being sent."""
    if not _turn(issue, State.SENDING, State.PAUSED):
        return False
    holding.hold(_message(issue))
    return True


@transaction.atomic
def resume(issue: Issue) -> bool:
    """Go on; False if it isn't paused."""
    if not _turn(issue, State.PAUSED, State.SENDING):
        return False
    holding.release(_message(issue))
    if not issue.queued_at:
        transaction.on_commit(partial(queue_issue.enqueue, issue.pk))
    return True


@transaction.atomic
def cancel(issue: Issue) -> bool:
    """Send nothing more, ever; False if it is over already."""
    if not any(_turn(issue, one, State.CANCELLED) for one in (State.PAUSED, State.SENDING)):
        return False
    holding.cancel(_message(issue), CANCELLED)
    return True


@transaction.atomic
def retry_failed(issue: Issue) -> int:
    """Send again to those where it failed; how many. None while it is paused or cancelled."""
    if not Issue.objects.filter(pk=issue.pk, state__in=[State.SENDING, State.SENT]).exists():
        return 0
    again = holding.retry_failed(_message(issue))
    if again:
        _turn(issue, State.SENT, State.SENDING)
    return again


def duplicate(issue: Issue, author: Any) -> Issue:
    """A new draft with the same content, for the same newsletter."""
    copy = Issue(
        newsletter=issue.newsletter,
        subject=issue.subject,
        slug=_free_slug(issue),
        preheader=issue.preheader,
        body=issue.body,
        author=author,
    )
    copy.save()
    return copy


def _turn(issue: Issue, before: str, after: str) -> bool:
    return bool(Issue.objects.filter(pk=issue.pk, state=before).update(state=after))


def _message(issue: Issue) -> Message:
    assert issue.message, "what is published has its message"
    return issue.message


def _free_slug(issue: Issue) -> str:
    taken = set(issue.newsletter.issues.values_list("slug", flat=True))
    number = 2
    while f"{issue.slug[:40]}-{number}" in taken:
        number += 1
    return f"{issue.slug[:40]}-{number}"
