"""Outages on purpose, for a demonstration: which provider fails, and how."""

from django.core.cache import cache
from django.db import models
from django.utils.translation import gettext_lazy as _


class Outage(models.TextChoices):
    """How a provider fails."""

    NONE = "", _("works")
    REFUSE = "refuse", _("refuses connections")
    TEMPORARY = "temporary", _("says “not now”")
    DROP = "drop", _("drops the connection after the content")
    TIME_OUT = "time-out", _("does not answer")


def outage_of(alias: str) -> Outage:
    """How the provider is to fail now."""
    return Outage(cache.get(_key(alias), ""))


def simulate(alias: str, outage: Outage) -> None:
    """Make a provider fail, in all processes, until Outage.NONE is given."""
    cache.set(_key(alias), outage.value, None)


def _key(alias: str) -> str:
    return "outage:" + alias.encode().hex()  # some caches take no spaces in a key
