"""Telling an audience: repeatable at any point, since each person is told an announcement once."""

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.tasks import task
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from mailroom.models import Delivery
from mailroom.models.message import UNFINISHED
from mailroom.tasks import enqueue
from notifications.models import Announcement, Mailing, Notification
from notifications.notify import notify

KIND = "announcement"


def audience(announcement: Announcement) -> QuerySet[AbstractBaseUser]:
    """Those it concerns who have an active account and a confirmed address."""
    confirmed = EmailAddress.objects.filter(user=OuterRef("pk"), primary=True, verified=True)
    people = get_user_model().objects.filter(Exists(confirmed), is_active=True)
    if announcement.audience == Announcement.Audience.STAFF:
        people = people.filter(is_staff=True)
    if announcement.language:
        people = people.filter(language=announcement.language)
    return people


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
        notify_audience(announcement)


def notify_audience(announcement: Announcement) -> None:
    """Tell the audience of an announcement that is being sent, then mark it as sent."""
    notify(
        audience(announcement),
        KIND,
        actor=announcement.author,
        target=reverse("notifications:announcement", args=[announcement.pk]),
        dedupe_key=dedupe_key_of(announcement),
        **announcement.values(),
    )
    Announcement.objects.filter(pk=announcement.pk).update(
        state=Announcement.State.SENT, sent_at=timezone.now()
    )


def notifications_of(announcement: Announcement) -> QuerySet[Notification]:
    """The notifications that an announcement has made so far."""
    return Notification.objects.filter(kind=KIND, dedupe_key=dedupe_key_of(announcement))


def count_emails(announcement: Announcement) -> dict[str, int]:
    """How many of its mails are in each state; states without any are left out."""
    own = Mailing.objects.filter(kind=KIND, event=dedupe_key_of(announcement)).values("message")
    counted = Delivery.objects.filter(message__in=own).order_by().values_list("state")
    return dict(counted.annotate(Count("pk")))


def dedupe_key_of(announcement: Announcement) -> str:
    return f"announcement:{announcement.pk}"


# -- How far the sending is --------------------------------------------------------------------


@dataclass
class AnnouncementProgress:
    announcement: Announcement

    @cached_property
    def notified(self) -> int:
        """How many have it among their notifications."""
        return notifications_of(self.announcement).count()

    @cached_property
    def total(self) -> int:
        """How many are told; while that goes on, the audience."""
        is_told = self.announcement.state == Announcement.State.SENT
        return self.notified if is_told else max(self.notified, audience(self.announcement).count())

    @cached_property
    def _mails(self) -> dict[str, int]:
        return count_emails(self.announcement)

    @property
    def counts(self) -> dict[str, int]:
        """Mails by state, every state named."""
        return {str(state.label): self._mails.get(state.value, 0) for state in Delivery.State}

    @property
    def is_over(self) -> bool:
        is_told = self.announcement.state == Announcement.State.SENT
        return is_told and not any(self._mails.get(state) for state in UNFINISHED)
