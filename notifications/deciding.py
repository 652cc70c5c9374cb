"""How a notification reaches a person: the one place that decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.utils import timezone

from notifications.kinds import KINDS, Kind, Way
from notifications.models import Preference, Schedule


@dataclass(frozen=True)
class Circumstances:
    """What besides a person's wish decides.

    wish: their choice for the kind, "" for none. address: a confirmed one, "" for none.
    """

    wish: str = ""
    address: str = ""
    is_active: bool = True
    is_paused: bool = False


def decide(kind: Kind, now: Circumstances) -> Way:
    """What is done. A required kind takes neither wish nor pause; nobody else's address is used.

    What would be mailed at once in a pause stays in the app; what waits for a digest goes on
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


def _wanted(kind: Kind, wish: str) -> Way:
    """The wish, or the default where there is none or the kind no longer offers it."""
    return Way(wish) if wish in kind.choices else kind.default


def circumstances(kind: Kind, users: Sequence[Any]) -> dict[Any, Circumstances]:
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
