"""What happens in time, on the worker's clock."""

from mailroom.clock import every
from newsletters import guarding, publishing, scheduling
from newsletters.models import Subscription


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
    for subscription in Subscription.objects.to_ask()[:500]:
        subscription.ask_to_confirm()
