"""Work outside the request. A task finds its row and calls one function."""

from django.db import transaction
from django.tasks import task

from mailroom.tasks import enqueue
from notifications.announcements import tell
from notifications.digests import make_due_digests
from notifications.models import Announcement


def send(announcement: Announcement) -> bool:
    """Begin to tell everybody, once: True for the one caller whose call began it."""
    drafts = Announcement.objects.filter(pk=announcement.pk, state=Announcement.State.DRAFT)
    with transaction.atomic():
        if not drafts.update(state=Announcement.State.SENDING):
            return False
        enqueue(tell_everybody, announcement.pk)
    announcement.refresh_from_db()
    return True


@task()
def tell_everybody(announcement_id: int) -> None:
    sending = Announcement.objects.filter(state=Announcement.State.SENDING)
    if announcement := sending.filter(pk=announcement_id).first():
        tell(announcement)


@task()
def make_digests() -> None:
    make_due_digests()
