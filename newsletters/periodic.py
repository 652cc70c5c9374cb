"""What the worker does for newsletters again and again."""

from datetime import timedelta

from django.utils import timezone

from mailroom.tasks import enqueue
from mailroom.worker.periodic import each, every
from newsletters.models import Issue, SubscriberImport, Subscription
from newsletters.sending import auto_pause, publish
from newsletters.subscribers.account_sync import (
    delete_waiting_subscriptions,
    waiting_subscriptions,
)
from newsletters.subscribers.importing import work_on_import
from newsletters.subscribers.subscribing import ask_to_confirm


@every(seconds=5)
def look_after_issues() -> None:
    """Publish what is due, pause what goes wrong, finish what is sent; one query where idle."""
    state = Issue.State
    states = set(Issue.objects.live().values_list("state", flat=True))
    if state.SCHEDULED in states:
        publish.publish_due()
    if state.SENDING in states:
        auto_pause.look()
        publish.finish()


@every(seconds=30)
def queue_forgotten_issues() -> None:
    publish.take_up_forgotten()


@every(seconds=60)
def ask_forgotten_subscribers() -> None:
    """Send the confirmation emails whose task was lost."""
    each(Subscription.objects.to_ask()[:500], ask_to_confirm)


@every(seconds=60)
def go_on_with_imports() -> None:
    """Those whose task was lost, or died on its way; one that is at work is not disturbed."""
    working = (SubscriberImport.State.CHECKING, SubscriberImport.State.RUNNING)
    jobs = SubscriberImport.objects.filter(state__in=working)
    each(jobs.values_list("pk", flat=True), work_on_import.enqueue)


@every(seconds=60)
def go_on_with_deletions() -> None:
    """Delete the subscriptions whose task was lost, or died on its way."""
    if waiting_subscriptions().exists():
        enqueue(delete_waiting_subscriptions)


@every(seconds=3600)
def forget_unfinished_imports() -> None:
    """Delete files of addresses after a week: unfinished imports, and lines that were left out."""
    limit = timezone.now() - timedelta(days=7)
    old = SubscriberImport.objects.filter(created_at__lt=limit)
    old.filter(finished_at=None).delete()
    old.exclude(problem_file=None).update(problem_file=None, faults=[])
