"""What an account holds about its owner: to export, and to delete with the account."""

import json
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction

from accounts.models import User
from mailroom.outbox import personal_data


def register() -> None:
    """Declare what this app stores about an address."""
    personal_data.register("account", export=_export, erase=_erase, of_account=True)
    personal_data.register("unconfirmed", export=_unconfirmed, erase=_erase_unconfirmed)
    personal_data.register_quotes("accounts.User", "name")
    personal_data.register_quotes("usersessions.UserSession", "user_agent", "data")


def addresses_of(user: User) -> list[str]:
    """Return the addresses that are this person's: the account's own, and those they confirmed."""
    confirmed = EmailAddress.objects.filter(user=user, verified=True)
    return list(dict.fromkeys([user.email, *confirmed.values_list("email", flat=True)]))


def export_account(user: User) -> list[dict[str, Any]]:
    """Return all that is stored about a person, by their addresses."""
    return [
        personal_data.export_address(address, account=address == user.email)
        for address in addresses_of(user)
    ]


@transaction.atomic
def delete_account(user: User) -> None:
    """Delete an account with everything that is stored about its owner's addresses.

    An address that somebody else confirmed since then is left alone.
    """
    others = EmailAddress.objects.filter(verified=True).exclude(user=user)
    elsewhere = set(others.values_list("email", flat=True).filter(email__in=addresses_of(user)))
    for address in addresses_of(user):
        if address not in elsewhere:
            personal_data.erase_address(address, account=address == user.email)
    _delete(user)


def _export(key: str) -> dict[str, Any] | None:
    user = User.objects.filter(email=key).first()
    if user is None:
        return None
    columns = ("name", "language", "time_zone", "is_staff", "date_joined", "last_login")
    sessions = UserSession.objects.filter(user=user)
    return {
        "profile": {name: getattr(user, name) for name in columns},
        "addresses": list(user.emailaddress_set.values("email", "verified", "primary")),  # type: ignore[attr-defined]
        "sessions": list(sessions.values("ip", "user_agent", "created_at", "last_seen_at")),
        "second_factors": list(
            Authenticator.objects.filter(user=user).values("type", "created_at", "last_used_at")
        ),
    }


def _typed_in(key: str) -> Any:
    """The address where another account names it, and has not confirmed it."""
    rows = EmailAddress.objects.filter(email=key, verified=False, primary=False)
    return rows.exclude(user__email=key)


def _unconfirmed(key: str) -> list[dict[str, Any]]:
    return [{"email": key} for _row in _typed_in(key)]


def _erase_unconfirmed(key: str) -> None:
    _typed_in(key).delete()
    mention = personal_data.Mention(key)
    for session in Session.objects.iterator():  # of a sign-up that waits for its confirmation
        content = session.get_decoded()
        if SESSION_KEY in content:  # ends with its account
            continue
        rest = {name: one for name, one in content.items() if not mention.is_in(json.dumps(one))}
        if rest != content:
            session.session_data = SessionStore().encode(rest)
            session.save(update_fields=["session_data"])


def _erase(key: str) -> None:
    if user := User.objects.filter(email=key).first():
        _delete(user)


def _delete(user: User) -> None:
    if user.pk is None:
        return
    for session in UserSession.objects.filter(user=user):
        session.end()
    about = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk)
    )
    about.update(object_repr=personal_data.ERASED_TEXT, change_message="")
    User.objects.filter(pk=user.pk).delete()
