"""From draft to sent: publish, queue the mails, notice the end.

The row is the truth. A task only hurries; the clock takes up whatever a lost task forgot.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from mailroom.delivery import shutdown
from mailroom.models import Delivery
from mailroom.outbox import freeze
from mailroom.outbox.enqueue import add_deliveries_from
from mailroom.tasks import enqueue
from mailroom.worker.periodic import each
from newsletters import checking, emails, tracking
from newsletters.models import Issue
from newsletters.models.history import Step, record
from newsletters.signals import issue_published, issue_sent, issue_stopped

# Recipients queued in one transaction, which holds up no other writer for long. The first batch is
# small and each is twice the one before: the mailer has work while the rest is being queued.
FIRST_BATCH, LARGEST_BATCH = 500, 5_000
# Between two of them: SQLite's waiting writers look every tenth of a second whether it is free.
PAUSE = 0.11  # seconds


@transaction.atomic
def publish(issue: Issue, by: Any = None) -> bool:
    """Publish a draft at once; False if somebody did so before.

    Raises ValidationError for content that may not go out.
    """
    if not start(issue, Issue.objects.drafts()):
        return False
    record(issue, Step.PUBLISHED, by)
    return True


@transaction.atomic
def start(issue: Issue, ready: QuerySet[Issue]) -> bool:
    """Freeze an issue that is among `ready` and start its sending; False if it no longer is.

    Raises ValidationError for content that may not go out.
    """
    begun = {"state": Issue.State.SENDING, "published_at": timezone.now(), "publish_at": None}
    if not ready.filter(pk=issue.pk).update(**begun):
        return False
    issue.refresh_from_db()  # what goes out is what is stored, not what a stale page showed
    _freeze(issue)
    from newsletters.tasks import queue_issue  # tasks need this module

    enqueue(queue_issue, issue.pk)
    return True


def _freeze(issue: Issue) -> None:
    """Freeze an issue's content and check what was frozen. Raises ValidationError as `start`."""
    issue.full_clean()
    try:
        mail = emails.issue(issue)
        tracking.mark(mail)
        issue.message = freeze(mail)
        issue.save(update_fields=["message"])
        validate(issue)
    except ValueError as refused:
        issue.message = None  # the transaction takes it back
        raise ValidationError(str(refused)) from refused
    except ValidationError:
        issue.message = None
        raise


def validate(issue: Issue) -> None:
    """Raise ValidationError, with one sentence for each fault, for what may not go out."""
    if faults := checking.errors(issue):
        raise ValidationError(faults)


def queue(issue: Issue) -> None:
    """Give each subscriber a delivery, batch by batch; a new attempt goes on where one stopped."""
    size = FIRST_BATCH
    while _queue_batch(issue, size):
        size = min(size * 2, LARGEST_BATCH)
        if shutdown.wait(PAUSE if connection.vendor == "sqlite" else 0):
            return  # the clock takes it up again
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
    """Tell the rest of the site, once, in the transaction that says all is queued."""
    if Issue.objects.to_queue().filter(pk=issue.pk).update(queued_at=timezone.now()):
        issue_published.send(sender=Issue, issue=issue, recipients=subscribed_users(issue))


def subscribed_users(issue: Issue) -> QuerySet:
    """The users of the site whose address is in its audience."""
    own = issue.audience().filter(email=Lower(OuterRef("email")))
    return get_user_model().objects.filter(Exists(own), is_active=True)


def take_up_forgotten() -> None:
    """Find the issues whose task was lost or died on the way. A second task does no harm."""
    from newsletters.tasks import queue_issue

    each(Issue.objects.to_queue().values_list("pk", flat=True), queue_issue.enqueue)


def finish() -> None:
    """Mark as sent what has no delivery left that is queued or in flight."""
    unfinished = Delivery.objects.unfinished().filter(message=OuterRef("message"))
    each(Issue.objects.under_way().filter(~Exists(unfinished)), _finish)


@transaction.atomic
def _finish(issue: Issue) -> None:
    sent = {"state": Issue.State.SENT, "sent_at": timezone.now()}
    if Issue.objects.under_way().filter(pk=issue.pk).update(**sent):
        record(issue, Step.SENT)
        failed = issue.progress().get(Delivery.State.FAILED, 0)
        issue_sent.send(sender=Issue, issue=issue, editors=editors(), failed=failed)


def tell_stopped(issue: Issue, reason: str) -> None:
    """Tell the editors that an issue stopped by itself and waits for them."""
    issue_stopped.send(sender=Issue, issue=issue, editors=editors(), reason=reason)


def editors() -> QuerySet:
    """The users who may publish."""
    may_publish = Permission.objects.filter(
        codename="publish_issue", content_type__app_label="newsletters"
    )
    by_right = Q(user_permissions__in=may_publish) | Q(groups__permissions__in=may_publish)
    users = get_user_model().objects.filter(by_right | Q(is_superuser=True), is_active=True)
    return users.distinct()
