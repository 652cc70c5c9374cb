"""Soft bounces: a full mailbox is forgiven, one that stays full for weeks is not."""

from datetime import datetime, timedelta

from django.utils import timezone

from mailroom.models import Event

HALF_LIFE_DAYS = 7.0
LIMIT = 3.0  # about four bounces within a week
REST_DAYS = 14
WINDOW_DAYS = 60  # what is older weighs less than 1 in 300


def score(address: str, now: datetime | None = None) -> float:
    """How much an address bounced lately: each bounce counts 1, half as much a week later.

    A mail that arrived since wipes out the bounces before it.
    """
    now = now or timezone.now()
    recent = Event.objects.filter(
        address=address.lower(), happened_at__gt=now - timedelta(days=WINDOW_DAYS)
    ).exclude(handled_at=None)
    arrived = recent.filter(kind=Event.Kind.DELIVERED).order_by("-happened_at").first()
    bounces = recent.filter(kind=Event.Kind.SOFT_BOUNCE)
    if arrived:
        bounces = bounces.filter(happened_at__gt=arrived.happened_at)
    times = bounces.values_list("happened_at", flat=True)
    return sum(0.5 ** ((now - at) / timedelta(days=HALF_LIFE_DAYS)) for at in times)


def is_too_high(address: str) -> bool:
    return score(address) >= LIMIT
