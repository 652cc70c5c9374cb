"""Switching the mails of a kind off, and on again: what a link in a mail can do."""

from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from notifications.deciding import wants
from notifications.kinds import KINDS, Way
from notifications.models import Preference
from notifications.tokens import DIGEST

MAILED = (Way.INSTANT, Way.DIGEST)


def label_of(key: str) -> str | Promise:
    """What the mails of a kind, or the digest, are called."""
    if key == DIGEST:
        return _("Digests")
    return KINDS[key].label if key in KINDS else _("Mails of a kind that no longer exists")


def may_switch(key: str) -> bool:
    return key == DIGEST or (key in KINDS and not KINDS[key].required)


def mailed(user: Any, key: str) -> list[str]:
    """The kinds that come to a user by the mails of `key`: it alone, or all in the digest."""
    wish = wants(user)
    if key == DIGEST:
        return [one for one, way in wish.items() if way is Way.DIGEST]
    return [key] if wish[key] in MAILED else []


@transaction.atomic
def switch_off(user: Any, key: str) -> None:
    """Stop the mails; in the app they go on. Doing it twice is doing it once."""
    for one in mailed(user, key):
        Preference.choose(user, KINDS[one], Way.IN_APP)


def switch_on(user: Any, key: str) -> None:
    """Back to mail: at once where the kind does that, by digest otherwise.

    A slip over the digest is undone on the page of preferences, where each kind is chosen.
    """
    kind = KINDS[key]
    way = Way.INSTANT if Way.INSTANT in kind.choices else Way.DIGEST
    Preference.choose(user, kind, way)
