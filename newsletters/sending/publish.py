"""From draft to sent: publish an issue, queue its emails, and notice when all are sent.

The issue's row decides. A task only makes it faster: if it is lost, a periodic job takes over.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.tasks import task
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from mailroom.delivery import shutdown
from mailroom.models import Delivery
from mailroom.outbox import freeze
from mailroom.outbox.enqueue import add_deliveries_from
from mailroom.outbox.routing import RoutingError
from mailroom.tasks import enqueue
from mailroom.worker.periodic import each
from newsletters import emails, tracking
from newsletters.composing import preflight
from newsletters.models import Issue
from newsletters.models.issue import IssueState, Step, record
from newsletters.signals import issue_published, issue_sent, issue_stopped, issue_unroutable

# Recipients queued in one transaction, so that other writers don't wait long. The first batch is
# small and each is twice the one before, so that sending starts while the rest is being queued.
FIRST_BATCH, LARGEST_BATCH = 500, 5_000
# Between two batches: on SQLite, waiting writers retry every tenth of a second.
PAUSE = 0.11  # seconds


@transaction.atomic
def publish(issue: Issue, by: Any = None) -> bool:
    """Publish a draft at once; False if it was published before.

    Raises ValidationError for content that may not be sent.
    """
    if not start_sending(issue, Issue.objects.drafts()):
        return False
    record(issue, Step.PUBLISHED, by)
    return True


@transaction.atomic
def start_sending(issue: Issue, ready: QuerySet[Issue]) -> bool:
    """Freeze an issue that is among `ready` and start sending it; False if it no longer is.

    Raises ValidationError for content that may not be sent.
    """
    begun = {"state": Issue.State.SENDING, "published_at": timezone.now(), "publish_at": None}
    if not ready.filter(pk=issue.pk).update(**begun):
        return False
    issue.refresh_from_db()  # send what is stored, not what a stale page showed
    _freeze(issue)
    enqueue(queue_issue, issue.pk)
    return True


def _freeze(issue: Issue) -> None:
    """Freeze an issue's content, then check it. Raises ValidationError."""
    issue.full_clean()
    try:
        mail = emails.issue(issue)
        tracking.request_tracking(mail)
        issue.message = freeze(mail)
        issue.save(update_fields=["message"])
        validate(issue)
    except ValueError as refused:
        issue.message = None  # the transaction is rolled back
        raise ValidationError(str(refused)) from refused
    except ValidationError:
        issue.message = None
        raise


def validate(issue: Issue) -> None:
    """Raise ValidationError, with one sentence per fault, if the issue may not be sent."""
    if faults := preflight.errors(issue):
        raise ValidationError(faults)


@task()
def queue_issue(issue_id: int) -> None:
    if issue := Issue.objects.to_queue().filter(pk=issue_id).first():
        try:
            queue_deliveries(issue)
        except RoutingError as error:
            issue_unroutable.send(sender=Issue, issue=issue, error=str(error))


def queue_deliveries(issue: Issue) -> None:
    """Queue a delivery for each subscriber, in batches; a repeated call continues."""
    size = FIRST_BATCH
    while _queue_batch(issue, size):
        size = min(size * 2, LARGEST_BATCH)
        if shutdown.wait(PAUSE if connection.vendor == "sqlite" else 0):
            return  # the periodic job continues
    _announce(issue)


@transaction.atomic
def _queue_batch(issue: Issue, size: int) -> bool:
    if not Issue.objects.to_queue().select_for_update().filter(pk=issue.pk).first():
        return False  # paused or cancelled meanwhile
    rest = issue.audience().filter(pk__gt=issue.queued_up_to).order_by("pk")
    last = rest[:size].aggregate(last=Max("pk"))["last"]
    if last is None:
        return False
    assert issue.message
    add_deliveries_from(
        issue.message,
        rest.filter(pk__lte=last),
        address=F("email"),
        name=F("name"),
        values=emails.delivery_columns(issue.language_code),
    )
    issue.queued_up_to = last
    issue.save(update_fields=["queued_up_to"])
    return True


@transaction.atomic
def _announce(issue: Issue) -> None:
    """Signal once that all is queued, in the transaction that records it."""
    if Issue.objects.to_queue().filter(pk=issue.pk).update(queued_at=timezone.now()):
        issue_published.send(sender=Issue, issue=issue, recipients=subscribed_users(issue))


def subscribed_users(issue: Issue) -> QuerySet:
    """The users whose address is in the issue's audience."""
    own = issue.audience().filter(email=Lower(OuterRef("email")))
    return get_user_model().objects.filter(Exists(own), is_active=True)


def take_up_forgotten() -> None:
    """Start tasks again that were lost or died. A second task for an issue does no harm."""
    each(Issue.objects.to_queue().values_list("pk", flat=True), queue_issue.enqueue)


def finish() -> None:
    """Mark issues as sent that have no delivery left to send."""
    unfinished = Delivery.objects.unfinished().filter(message=OuterRef("message"))
    each(Issue.objects.under_way().filter(~Exists(unfinished)), _finish)


@transaction.atomic
def _finish(issue: Issue) -> None:
    sent = {"state": Issue.State.SENT, "sent_at": timezone.now()}
    if Issue.objects.under_way().filter(pk=issue.pk).update(**sent):
        record(issue, Step.SENT)
        failed = issue.progress().get(Delivery.State.FAILED, 0)
        issue_sent.send(sender=Issue, issue=issue, editors=editors(), failed=failed)


def notify_stopped(issue: Issue, reason: str) -> None:
    """Notify the editors that an issue was paused automatically."""
    issue_stopped.send(sender=Issue, issue=issue, editors=editors(), reason=reason)


def editors() -> QuerySet:
    """The users who may publish."""
    may_publish = Permission.objects.filter(
        codename="publish_issue", content_type__app_label="newsletters"
    )
    by_right = Q(user_permissions__in=may_publish) | Q(groups__permissions__in=may_publish)
    users = get_user_model().objects.filter(by_right | Q(is_superuser=True), is_active=True)
    return users.distinct()


# -- Now, later, or not at all ---------------------------------------------------------------------

logger = logging.getLogger(__name__)

FARTHEST = timedelta(days=366)


class Changed(Exception):  # noqa: N818  (named after what happened)
    """The draft is no longer the one that the person looked at."""


@transaction.atomic
def publish_now(issue: Issue, by: Any, *, version: int | None = None) -> bool:
    """Publish a draft after the grace period; False if it is no draft any more.

    version: the one that the person saw. Raises ValidationError for content that may not be sent,
    and Changed if the draft has another version by now.
    """
    if not settings.PUBLISH_GRACE_SECONDS:
        _check_version(issue, version)
        return publish(issue, by)
    when = timezone.now() + timedelta(seconds=settings.PUBLISH_GRACE_SECONDS)
    if not _plan(issue, when, version):
        return False
    record(issue, Step.PUBLISHED, by)
    return True


@transaction.atomic
def schedule(issue: Issue, when: datetime, by: Any, *, version: int | None = None) -> bool:
    """Publish a draft later; False if it is no draft any more. Raises as `publish_now`."""
    if fault := wrong_time(when):
        raise ValidationError(fault)
    shown = f"{date_format(timezone.localtime(when), 'DATETIME_FORMAT')} ({_zone()})"
    if not _plan(issue, when, version):
        return False
    record(issue, Step.SCHEDULED, by, shown)
    return True


def wrong_time(when: datetime) -> str:
    """Why an issue can't be scheduled for that time; "" if it can."""
    now = timezone.now()
    fits = now < when <= now + FARTHEST
    return "" if fits else _("Choose a time within a year from now.")


@transaction.atomic
def undo(issue: Issue, by: Any) -> bool:
    """Turn a scheduled issue back into a draft; False if it has started already."""
    waiting = Issue.objects.scheduled().filter(pk=issue.pk)
    if not waiting.update(state=IssueState.DRAFT, publish_at=None):
        return False
    record(issue, Step.UNDONE, by)
    return True


def publish_due() -> None:
    """Start the issues that are due, each once, however many processes try."""
    each(Issue.objects.due(), _start_due)


def _plan(issue: Issue, when: datetime, version: int | None) -> bool:
    drafts = Issue.objects.drafts().filter(pk=issue.pk)
    if not drafts.update(state=IssueState.SCHEDULED, publish_at=when):
        return False
    _check_version(issue, version)  # an exception rolls the update back
    issue.refresh_from_db()
    validate(issue)
    return True


def _check_version(issue: Issue, version: int | None) -> None:
    if version is not None and not Issue.objects.filter(pk=issue.pk, version=version).exists():
        raise Changed


def _start_due(issue: Issue) -> None:
    try:
        with transaction.atomic():
            if start_sending(issue, Issue.objects.due()):
                record(issue, Step.BEGUN)
    except ValidationError as error:  # it was valid when it was scheduled
        _give_back(issue, " ".join(error.messages))


@transaction.atomic
def _give_back(issue: Issue, reason: str) -> None:
    if Issue.objects.due().filter(pk=issue.pk).update(state=IssueState.DRAFT, publish_at=None):
        record(issue, Step.UNDONE, None, reason)
        notify_stopped(issue, reason)


def _zone() -> str:
    return timezone.get_current_timezone_name()
