"""Telling an audience: repeatable at any point, since each person is told an announcement once."""

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone

from mailroom.models import Delivery
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


def tell(announcement: Announcement) -> None:
    """Tell the audience of an announcement that is being sent, then mark it as sent."""
    notify(
        audience(announcement),
        KIND,
        actor=announcement.author,
        target=reverse("notifications:announcement", args=[announcement.pk]),
        dedupe_key=key_of(announcement),
        **announcement.values(),
    )
    Announcement.objects.filter(pk=announcement.pk).update(
        state=Announcement.State.SENT, sent_at=timezone.now()
    )


def told(announcement: Announcement) -> QuerySet[Notification]:
    """The notifications that an announcement has made so far."""
    return Notification.objects.filter(kind=KIND, dedupe_key=key_of(announcement))


def mails(announcement: Announcement) -> dict[str, int]:
    """How many of its mails are in each state; states without any are left out."""
    own = Mailing.objects.filter(kind=KIND, event=key_of(announcement)).values("message")
    counted = Delivery.objects.filter(message__in=own).order_by().values_list("state")
    return dict(counted.annotate(Count("pk")))


def key_of(announcement: Announcement) -> str:
    return f"announcement:{announcement.pk}"
