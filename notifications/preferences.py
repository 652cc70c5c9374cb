"""How a notification reaches a person: the one place that decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from notifications.kinds import KINDS, NotificationKind, Way
from notifications.models import Preference, Schedule
from notifications.tokens import DIGEST

UNWANTED = gettext_noop("no longer wanted")


@dataclass(frozen=True)
class Circumstances:
    """What besides a person's wish decides.

    wish: their choice for the kind, "" for none. address: a confirmed one, "" for none.
    """

    wish: str = ""
    address: str = ""
    is_active: bool = True
    is_paused: bool = False


def decide(kind: NotificationKind, now: Circumstances) -> Way:
    """What is done. A required kind takes neither wish nor pause; nobody else's address is used.

    What would be emailed at once in a pause stays in the app; what waits for a digest goes on
    waiting until the pause is over.
    """
    wanted = _wanted(kind, now.wish)
    if not now.is_active or wanted is Way.OFF:
        return Way.OFF
    if not now.address:
        return Way.IN_APP
    if wanted is Way.INSTANT and now.is_paused and not kind.required:
        return Way.IN_APP
    return wanted


def _wanted(kind: NotificationKind, wish: str) -> Way:
    """The wish, or the default where there is none or the kind no longer offers it."""
    return Way(wish) if wish in kind.choices else kind.default


def circumstances(kind: NotificationKind, users: Sequence[Any]) -> dict[Any, Circumstances]:
    """What holds for each of the users, in three queries."""
    now = timezone.now()
    chosen = Preference.objects.filter(user__in=users, kind=kind.key)
    wishes = dict(chosen.values_list("user", "delivery"))
    verified = EmailAddress.objects.filter(user__in=users, verified=True, primary=True)
    addresses = dict(verified.values_list("user", "email"))
    pausing = Schedule.objects.filter(user__in=users, paused_until__isnull=False)
    paused = {row.user_id for row in pausing.select_related("user") if row.is_paused(now)}
    return {
        user: Circumstances(
            wishes.get(user.pk, ""),
            addresses.get(user.pk, ""),
            user.is_active,
            user.pk in paused,
        )
        for user in users
    }


def wants(user: Any) -> dict[str, Way]:
    """How a user wants each kind they can get, whatever hinders it just now."""
    chosen = Preference.chosen_by(user)
    return {key: _wanted(kind, chosen.get(key, "")) for key, kind in KINDS.items()}


# -- What a link in an email can switch --------------------------------------------------------


MAILED = (Way.INSTANT, Way.DIGEST)


def label_of(key: str) -> str | Promise:
    """What the mails of a kind, or the digest, are called."""
    if key == DIGEST:
        return _("Digests")
    return KINDS[key].label if key in KINDS else _("Emails of a type that no longer exists")


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
