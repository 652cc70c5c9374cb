"""What makes the sending of an issue stop by itself and wait for a person.

A provider that refuses our account several times in a row is reported by a signal. The rest is
looked at periodically while something is being sent: a run of failures, too many hard bounces, too
many complaints. After a person resumed it, only what was sent since then counts.
"""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailroom.delivery.breaker import OPENS_AFTER, health
from mailroom.delivery.complete import UNSENDABLE
from mailroom.models import Delivery, Event, MailAccount
from mailroom.models.delivery import DeliveryQuerySet
from mailroom.worker.periodic import each
from newsletters.models import Issue
from newsletters.sending import controls

OUTCOMES_EXAMINED = 500  # outcomes that are looked through for a run of failures


def stop_for_refused_account(sender: object, delivery: Delivery, error: str, **kwargs: Any) -> None:
    """The provider refuses our account: somebody must fix that first.

    One refusal may be about one message only, so it takes as many in a row as open the breaker.
    """
    if delivery.message.type != "newsletters.issue":
        return
    if health(delivery.alias).failures < OPENS_AFTER:
        return
    text = _("The provider %(alias)s rejects our account: %(error)s")
    for issue in _being_sent().filter(message=delivery.message_id):
        alias = MailAccount.objects.label(delivery.alias)
        controls.stop(issue, text % {"alias": alias, "error": error})


def stop_for_a_router(sender: object, issue: Issue, error: str, **kwargs: Any) -> None:
    """A router can't say who carries the email: nothing is queued until its fault is fixed."""
    controls.stop(issue, error)


def look() -> None:
    """Pause what goes wrong among the issues that still have something to send."""
    unfinished = Delivery.objects.unfinished().filter(message=OuterRef("message"))
    issues = list(_being_sent().filter(Q(queued_at=None) | Exists(unfinished)))
    latest = _latest_outcomes() if issues else []

    def look_at(issue: Issue) -> None:
        if reason := _run_of_failures(issue, latest) or _too_many(issue):
            controls.stop(issue, reason)

    each(issues, look_at)


def _being_sent() -> Any:
    return Issue.objects.filter(state=Issue.State.SENDING).select_related("newsletter", "message")


def _latest_outcomes() -> list[Any]:
    """The last outcomes of all messages, newest first: one index serves, however many there are."""
    ended = Delivery.objects.filter(finished_at__isnull=False).exclude(reason=UNSENDABLE)
    ended = ended.order_by("-finished_at", "-pk")
    return list(ended.values("message_id", "state", "error", "finished_at")[:OUTCOMES_EXAMINED])


def _run_of_failures(issue: Issue, latest: Iterable[Any]) -> str:
    own = [one for one in latest if one["message_id"] == issue.message_id]
    if issue.resumed_at:
        own = [one for one in own if one["finished_at"] > issue.resumed_at]
    last = own[: settings.ISSUE_STOP_FAILURES]
    is_run = len(last) == settings.ISSUE_STOP_FAILURES
    if not is_run or any(one["state"] != Delivery.State.FAILED for one in last):
        return ""
    text = _("The last %(count)s emails all failed: %(error)s")
    return text % {"count": len(last), "error": last[0]["error"]}


def _too_many(issue: Issue) -> str:
    mails = _since_resumed(issue)
    complaints = mails.filter(feedback=Delivery.Feedback.COMPLAINED).count()
    # What could not even be built says nothing about the addresses of the list.
    refused = mails.filter(state=Delivery.State.FAILED).exclude(reason=UNSENDABLE)
    failed = refused.count()
    bounces = failed + _hard_bounces(mails)
    if max(complaints, bounces) < settings.ISSUE_STOP_MINIMUM:
        return ""
    ended = failed + mails.filter(state=Delivery.State.SENT).count()
    if complaints >= settings.ISSUE_STOP_MINIMUM and (
        complaints > settings.ISSUE_STOP_COMPLAINTS * ended
    ):
        text = ngettext(
            "%(count)s reader out of %(ended)s complained.",
            "%(count)s readers out of %(ended)s complained.",
            complaints,
        )
        return text % {"count": complaints, "ended": ended}
    if bounces >= settings.ISSUE_STOP_MINIMUM and bounces > settings.ISSUE_STOP_BOUNCES * ended:
        text = ngettext(
            "%(count)s email out of %(ended)s was permanently rejected.",
            "%(count)s emails out of %(ended)s were permanently rejected.",
            bounces,
        )
        return text % {"count": bounces, "ended": ended}
    return ""


def _since_resumed(issue: Issue) -> DeliveryQuerySet:
    mails = Delivery.objects.filter(message=issue.message_id)
    return mails.filter(finished_at__gt=issue.resumed_at) if issue.resumed_at else mails


def _hard_bounces(mails: DeliveryQuerySet) -> int:
    """Accepted first, and bounced permanently later."""
    bounced = mails.filter(feedback=Delivery.Feedback.BOUNCED).exclude(state=Delivery.State.FAILED)
    hard = Event.objects.filter(delivery=OuterRef("pk"), kind=Event.Kind.HARD_BOUNCE)
    return bounced.filter(Exists(hard)).count()
