"""What happens in time, on the worker's clock."""

from mailroom.clock import every
from notifications.models import Announcement
from notifications.tasks import tell_everybody


@every(seconds=60)
def take_up_forgotten_announcements() -> None:
    """Go on with announcements whose task was lost, or died on its way."""
    for announcement in Announcement.objects.filter(state=Announcement.State.SENDING):
        tell_everybody.enqueue(announcement.pk)
