"""The e-mails of this app: one function each. Sending is the caller's decision."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from mailroom.messages import TemplatedMessage
from notifications.kinds import Kind
from notifications.models import Announcement, Notification


def notice(
    kind: Kind, notification: Notification, user: AbstractBaseUser, address: str
) -> TemplatedMessage:
    """The mail of a notification, in its recipient's language.

    address: the recipient's verified one.
    """
    writer = {"announcement": announcement}.get(kind.key)
    extra = writer(notification) if writer else {}
    return TemplatedMessage(
        kind.message_type,
        to=[address],
        context={"notification": notification, "user": user, **notification.data, **extra},
        language=getattr(user, "language", None),
    )


def announcement(notification: Notification) -> dict[str, Any]:
    """What the announcement's template needs beside the notification's own data."""
    row = Announcement.objects.get(pk=notification.data["announcement"])
    return {"title": row.title, "body": row.body}
