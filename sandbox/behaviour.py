"""How the sandbox's providers treat an email: by the recipient's local part, and by their mode."""

import re

from django.core.cache import cache
from django.db import models
from django.utils.translation import gettext_lazy as _

# Test recipients, by their local part, as in Amazon SES's mailbox simulator.
PERSONAS = [
    ("bounce", _("does not exist: hard bounce")),
    ("soft-bounce", _("has a full mailbox: soft bounce")),
    ("complaint", _("gets the email and marks it as spam")),
    ("deferred", _("is delivered on the second attempt")),
    ("refused", _("is rejected by the provider immediately")),
    ("rate-limited", _("is answered with “too many requests”")),
    ("out-of-quota", _("makes the provider say that the account’s quota is used up")),
]
# Anything after a dot, a plus or a digit is free: bounce+ann@example.com bounces, too.
_LOCAL_PART = re.compile(
    rf"({'|'.join(name for name, _what in PERSONAS)})(?:[.+\d].*)?@", re.IGNORECASE
)
RETRY_AFTER_SECONDS = 5
SLOW_SECONDS = 3  # less than the time-out of mailer URLs
SILENT_SECONDS = 30  # more than that


class Mode(models.TextChoices):
    """How a provider behaves until somebody chooses otherwise."""

    WORKS = "", _("works")
    REFUSE = "refuse", _("is down: rejects everything temporarily")
    BUSY = "busy", _("limits the rate: says “not now”")
    QUOTA = "quota", _("has used up the account’s quota")
    SLOW = "slow", _("is slow: answers after 3 seconds")
    SILENT = "silent", _("never answers")
    DROP = "drop", _("drops the connection after the content")
    LOSE = "lose", _("accepts emails and loses them")


def persona(address: str) -> str:
    """What happens to emails to an address (`bounce`, `deferred` …); "" for delivered ones."""
    found = _LOCAL_PART.match(address.strip())
    return found[1].lower() if found else ""


def mode_of(alias: str) -> Mode:
    """How a provider is to behave now."""
    return Mode(cache.get(_key(alias), ""))


def set_behaviour(alias: str, mode: Mode) -> None:
    """Make a provider behave so, in all processes, until another mode is set."""
    cache.set(_key(alias), mode.value, None)


def _key(alias: str) -> str:
    return "sandbox:" + alias.encode().hex()  # some caches take no spaces in a key
