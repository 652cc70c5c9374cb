"""Telling everybody: repeatable at any point, since each person is told an announcement once."""

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone

from notifications.models import Announcement, Notification
from notifications.notify import notify

KIND = "announcement"


def audience() -> QuerySet[AbstractBaseUser]:
    """Everybody with an active account whose address is confirmed."""
    confirmed = EmailAddress.objects.filter(user=OuterRef("pk"), primary=True, verified=True)
    return get_user_model().objects.filter(Exists(confirmed), is_active=True)


def tell(announcement: Announcement) -> None:
    """Tell the audience of an announcement that is being sent, then mark it as sent."""
    notify(
        audience(),
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


def key_of(announcement: Announcement) -> str:
    return f"announcement:{announcement.pk}"
