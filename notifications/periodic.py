"""What the worker does for notifications again and again."""

from django.utils import timezone

from mailroom.tasks import enqueue
from mailroom.worker.periodic import each, every
from notifications import digests
from notifications.announcements import tell_everybody
from notifications.models import Announcement, DueDigest
from notifications.retention import forget_old_notifications


@every(seconds=60)
def take_up_forgotten_announcements() -> None:
    """Go on with announcements whose task was lost, or died on its way."""
    sending = Announcement.objects.filter(state=Announcement.State.SENDING)
    each(sending.values_list("pk", flat=True), tell_everybody.enqueue)


@every(seconds=30)
def make_digests_that_are_due() -> None:
    if DueDigest.objects.due(timezone.now()).exists():
        enqueue(digests.make_digests)


@every(seconds=3600)
def plan_forgotten_digests() -> None:
    digests.plan_forgotten()


@every(seconds=3600)
def delete_old_notifications() -> None:
    forget_old_notifications()
