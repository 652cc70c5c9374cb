"""From draft to published by a person: now, with a moment to undo it, or at a time of their choice.

"Now" is a time too, PUBLISH_GRACE_SECONDS away. Until it comes nothing is frozen, queued or sent.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from mailroom.worker.periodic import each
from newsletters.models import Issue
from newsletters.models.history import Step, record
from newsletters.publishing import publish, start, tell_stopped, validate

logger = logging.getLogger(__name__)

State = Issue.State
FARTHEST = timedelta(days=366)


class Changed(Exception):  # noqa: N818  (named after what happened)
    """The draft is no longer the one that the person looked at."""


@transaction.atomic
def publish_now(issue: Issue, by: Any, *, version: int | None = None) -> bool:
    """Publish a draft, after the grace; False if it is none any more.

    version: the one that was looked at. Raises ValidationError for content that may not go out,
    and Changed where it is another by now.
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
    """Publish a draft at a time to come; False if it is none any more. Raises as `publish_now`."""
    if fault := wrong_time(when):
        raise ValidationError(fault)
    shown = f"{date_format(timezone.localtime(when), 'DATETIME_FORMAT')} ({_zone()})"
    if not _plan(issue, when, version):
        return False
    record(issue, Step.SCHEDULED, by, shown)
    return True


def wrong_time(when: datetime) -> str:
    """Why nothing can be scheduled for that time; "" where it can."""
    now = timezone.now()
    fits = now < when <= now + FARTHEST
    return "" if fits else _("Choose a time within a year from now.")


@transaction.atomic
def undo(issue: Issue, by: Any) -> bool:
    """Make a draft again of what waits for its time; False if that has come already."""
    waiting = Issue.objects.scheduled().filter(pk=issue.pk)
    if not waiting.update(state=State.DRAFT, publish_at=None):
        return False
    record(issue, Step.UNDONE, by)
    return True


def publish_due() -> None:
    """Start what is due. However many processes try, each starts once."""
    each(Issue.objects.due(), _start_due)


def _plan(issue: Issue, when: datetime, version: int | None) -> bool:
    drafts = Issue.objects.drafts().filter(pk=issue.pk)
    if not drafts.update(state=State.SCHEDULED, publish_at=when):
        return False
    _check_version(issue, version)  # what is wrong rolls the update back
    issue.refresh_from_db()
    validate(issue)
    return True


def _check_version(issue: Issue, version: int | None) -> None:
    if version is not None and not Issue.objects.filter(pk=issue.pk, version=version).exists():
        raise Changed


def _start_due(issue: Issue) -> None:
    try:
        with transaction.atomic():
            if start(issue, Issue.objects.due()):
                record(issue, Step.BEGUN)
    except ValidationError as error:  # it was good when it was scheduled, and is not any more
        _give_back(issue, " ".join(error.messages))


@transaction.atomic
def _give_back(issue: Issue, reason: str) -> None:
    if Issue.objects.due().filter(pk=issue.pk).update(state=State.DRAFT, publish_at=None):
        record(issue, Step.UNDONE, None, reason)
        tell_stopped(issue, reason)


def _zone() -> str:
    return timezone.get_current_timezone_name()
