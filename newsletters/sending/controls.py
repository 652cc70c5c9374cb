"""While an issue is being sent: pause, go on, cancel the rest, settle what failed or is uncertain.

Each step is won by one of those who press at once: the row says which state it leaves.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import ngettext

from mailroom.models import Message
from mailroom.outbox import control
from mailroom.tasks import enqueue
from newsletters.models import Issue
from newsletters.models.issue import IssueState, Step, record
from newsletters.sending.publish import notify_stopped, queue_issue
from newsletters.sending.skip import ISSUE_CANCELLED

ISSUE_CONTENT = (
    "subject", "web_title", "preheader", "body", "text", "language",
    "for_language", "joined_from", "joined_before",
)  # fmt: skip
GOING = (IssueState.SENDING, IssueState.SENT)  # what is paused or cancelled sends nothing again


@transaction.atomic
def pause(issue: Issue, by: Any = None) -> bool:
    """Send nothing more until `resume`; False if it isn't being sent."""
    if not _turn(issue, IssueState.SENDING, IssueState.PAUSED, stop_reason=""):
        return False
    control.hold(_message(issue))
    record(issue, Step.PAUSED, by)
    return True


@transaction.atomic
def stop(issue: Issue, reason: str) -> bool:
    """Pause it by itself, and tell its editors why; False if it isn't being sent."""
    if not _turn(issue, IssueState.SENDING, IssueState.PAUSED, stop_reason=reason[:500]):
        return False
    control.hold(_message(issue))
    record(issue, Step.STOPPED, None, reason)
    notify_stopped(issue, reason)
    return True


@transaction.atomic
def resume(issue: Issue, by: Any = None) -> bool:
    """Go on; False if it isn't paused. What made it stop by itself counts from now anew."""
    now = timezone.now()
    if not _turn(issue, IssueState.PAUSED, IssueState.SENDING, stop_reason="", resumed_at=now):
        return False
    control.release(_message(issue))
    record(issue, Step.RESUMED, by)
    if not issue.queued_at:
        enqueue(queue_issue, issue.pk)
    return True


@transaction.atomic
def cancel_issue(issue: Issue, by: Any = None) -> bool:
    """Send nothing more, ever; False if it is over already."""
    if not any(
        _turn(issue, one, IssueState.CANCELLED) for one in (IssueState.PAUSED, IssueState.SENDING)
    ):
        return False
    skipped = control.cancel(_message(issue), ISSUE_CANCELLED)
    text = ngettext("%(n)s email was not sent.", "%(n)s emails were not sent.", skipped)
    record(issue, Step.CANCELLED, by, text % {"n": skipped})
    return True


@transaction.atomic
def retry_issue(issue: Issue, by: Any = None) -> int:
    """Send again to those where it failed; how many. None while it is paused or cancelled."""
    return _again(issue, by, Step.RETRIED, control.retry_failed)


@transaction.atomic
def send_uncertain_again(issue: Issue, by: Any = None, *, only: Sequence[int] | None = None) -> int:
    """Send again what may have arrived or not; how many. only: these deliveries alone."""
    return _again(issue, by, Step.RESOLVED, partial(control.retry_uncertain, only=only))


@transaction.atomic
def count_uncertain_as_sent(
    issue: Issue, by: Any = None, *, only: Sequence[int] | None = None
) -> int:
    """Take what may have arrived or not as sent; how many. only: these deliveries alone."""
    if not _was_sent(issue):
        return 0
    settled = control.count_as_sent(_message(issue), only=only)
    if settled:
        text = ngettext(
            "%(n)s email was marked as sent.", "%(n)s emails were marked as sent.", settled
        )
        record(issue, Step.RESOLVED, by, text % {"n": settled})
    return settled


def duplicate(issue: Issue, author: Any) -> Issue:
    """A new draft with the same content, for the same newsletter."""
    copy = Issue(
        newsletter=issue.newsletter,
        slug=Issue.objects.free_slug(issue.newsletter, issue.slug),
        author=author,
        **{name: getattr(issue, name) for name in ISSUE_CONTENT},
    )
    with transaction.atomic():
        copy.save()
        record(issue, Step.DUPLICATED, author)
    return copy


def _again(issue: Issue, by: Any, step: Step, queue: Any) -> int:
    if not _was_sent(issue, state__in=GOING):
        return 0
    again: int = queue(_message(issue))
    if again:
        # What failed or bounced before was looked at, and must not stop it again at once.
        _turn(issue, IssueState.SENT, IssueState.SENDING, resumed_at=timezone.now())
        text = ngettext("%(n)s email was queued again.", "%(n)s emails were queued again.", again)
        record(issue, step, by, text % {"n": again})
    return again


def _turn(issue: Issue, before: str, after: str, **changes: Any) -> bool:
    mine = Issue.objects.filter(pk=issue.pk, state=before, message__isnull=False)
    return bool(mine.update(state=after, **changes))


def _was_sent(issue: Issue, **conditions: Any) -> bool:
    """Whether it has a message: a draft has none yet, and an old issue none any more."""
    return Issue.objects.filter(pk=issue.pk, message__isnull=False, **conditions).exists()


def _message(issue: Issue) -> Message:
    if not issue.message:  # it was read before it was published
        issue.refresh_from_db(fields=["message"])
    assert issue.message
    return issue.message
