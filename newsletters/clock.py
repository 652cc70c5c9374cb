"""What happens in time, on the worker's clock."""

from datetime import timedelta

from django.utils import timezone

from mailroom.clock import each, every
from newsletters import guarding, publishing, scheduling
from newsletters.models import SubscriberImport, Subscription
from newsletters.tasks import take_in_people


@every(seconds=30)
def queue_forgotten_issues() -> None:
    publishing.take_up_forgotten()


@every(seconds=2)
def publish_due_issues() -> None:
    scheduling.publish_due()


@every(seconds=5)
def stop_what_goes_wrong() -> None:
    guarding.look()


@every(seconds=5)
def finish_issues() -> None:
    publishing.finish()


@every(seconds=60)
def ask_forgotten_subscribers() -> None:
    """Send the confirmation mails whose task was lost."""
    each(Subscription.objects.to_ask()[:500], Subscription.ask_to_confirm)


@every(seconds=60)
def go_on_with_imports() -> None:
    """Those whose task was lost, or died on its way; one that is at work is not disturbed."""
    working = (SubscriberImport.State.CHECKING, SubscriberImport.State.RUNNING)
    jobs = SubscriberImport.objects.filter(state__in=working)
    each(jobs.values_list("pk", flat=True), take_in_people.enqueue)


@every(seconds=3600)
def forget_unfinished_imports() -> None:
    """Delete files of addresses after a week: unfinished imports, and lines that were left out."""
    limit = timezone.now() - timedelta(days=7)
    old = SubscriberImport.objects.filter(created_at__lt=limit)
    old.filter(finished_at=None).delete()
    old.exclude(problem_file=None).update(problem_file=None, faults=[])
