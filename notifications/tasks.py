"""Work outside the request. A task finds its row and calls one function."""

from django.tasks import task

from notifications.announcing import tell
from notifications.digests import make_due_digests
from notifications.models import Announcement


@task()
def tell_everybody(announcement_id: int) -> None:
    sending = Announcement.objects.filter(state=Announcement.State.SENDING)
    if announcement := sending.filter(pk=announcement_id).first():
        tell(announcement)


@task()
def make_digests() -> None:
    make_due_digests()
