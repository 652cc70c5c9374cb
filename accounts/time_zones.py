"""Time zones that people may live in."""

from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


@cache
def zones() -> list[str]:
    """The names of all that stand for a place, and UTC. Kept: listing them reads many files."""
    return sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")


def validate_zone(name: str) -> None:
    if name not in zones():
        raise ValidationError(_("There is no time zone “%(name)s”."), "zone", {"name": name})


def zone_of(user: Any) -> ZoneInfo:
    """The zone of a user; UTC for strangers, and where the system no longer knows a zone."""
    name = getattr(user, "time_zone", "UTC")
    return ZoneInfo(name if name in zones() else "UTC")
