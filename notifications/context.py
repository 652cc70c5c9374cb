"""The number beside the bell."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from notifications.models import Notification

MOST_UNREAD = 100  # beyond it the exact number says nothing more, and counting would cost


def unread(request: HttpRequest) -> dict[str, object]:
    """`unread_notifications`: how many, at most 100, counted when a template asks."""
    return {"unread_notifications": SimpleLazyObject(lambda: count_unread(request))}


def count_unread(request: HttpRequest) -> int:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return 0
    # In the order of the index: without one PostgreSQL may read the table until it has enough.
    return Notification.objects.of(user).unread()[:MOST_UNREAD].count()
