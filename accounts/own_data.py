"""What an account holds about its owner: to export, and to delete with the account."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.signals import pre_save
from django.tasks import task

from accounts.emails import owner_label
from accounts.models import User
from mailroom.models.queries import locked
from mailroom.outbox import personal_data
from mailroom.worker.periodic import each


def register() -> None:
    """Declare what this app stores about an address."""
    personal_data.register("account", export=_export, erase=_erase, of_account=True)
    personal_data.register("unconfirmed", export=_unconfirmed, erase=_erase_unconfirmed)
    pre_save.connect(note_change_of_address, User, dispatch_uid="accounts-address-left")
    personal_data.register_quotes("accounts.User", "name")
    personal_data.register_quotes("usersessions.UserSession", "user_agent", "data")


def addresses_of(user: User) -> list[str]:
    """Return the addresses that are this person's: the account's own, and those they confirmed.

    Those of before too, unless somebody else uses them since. Not one that waits for its
    confirmation: anybody can sign up with somebody else's.
    """
    known = EmailAddress.objects.filter(user=user).order_by("pk")
    proven = {user.email: True} | dict(known.values_list("email", "verified"))
    left = [address for address, moment in _left_by(user) if not _is_others(user, address, moment)]
    return list(dict.fromkeys([*(one for one, is_own in proven.items() if is_own), *left]))


def export_account(user: User) -> list[dict[str, Any]]:
    """Return all that is stored about a person, by their addresses."""
    own = addresses_of(user)
    found = [personal_data.export_address(one, account=one == user.email) for one in own]
    return found if user.email in own else [personal_data.export_account(user.email), *found]


@transaction.atomic
def delete_account(user: User) -> None:
    """Delete an account with everything that is stored about its owner's addresses.

    An address that somebody else confirmed since then is left alone. Of those that the account
    named but never confirmed, only its own emails are erased.
    """
    others = EmailAddress.objects.filter(verified=True).exclude(user=user)
    own = addresses_of(user)
    elsewhere = set(others.values_list("email", flat=True).filter(email__in=own))
    for address in own:
        if address not in elsewhere:
            personal_data.erase_address(address, account=address == user.email)
    its_emails = Q(message__owner=owner_label(user.pk))
    if user.email not in own:
        its_emails |= Q(address_key=user.email, message__type__startswith="notifications.")
    personal_data.forget_emails(its_emails)
    _delete(user)


def waiting_accounts() -> QuerySet[User]:
    """Accounts that were deleted in the admin, too many of them to wait for."""
    return personal_data.deleted_by_hand(User.objects.filter(is_active=False))


@task()
def delete_waiting_accounts() -> None:
    each(list(waiting_accounts().values_list("pk", flat=True)), _delete_waiting)


@transaction.atomic
def _delete_waiting(user_id: int) -> None:
    if user := locked(User.objects.filter(pk=user_id, is_active=False)).first():
        delete_account(user)


# -- Addresses of before -----------------------------------------------------------------------

LEFT = "left"  # in the admin's log of a user: an address that the account had


def note_change_of_address(
    sender: object, instance: User, update_fields: Any = None, raw: bool = False, **kwargs: Any
) -> None:
    """Log which address a user leaves, if it was theirs; it is erased with the account."""
    if raw or instance.pk is None or (update_fields is not None and "email" not in update_fields):
        return
    before = User.objects.filter(pk=instance.pk).exclude(email=instance.email)
    theirs = EmailAddress.objects.filter(user=instance.pk, verified=True)
    for address in theirs.filter(email__in=before.values("email")).values_list("email", flat=True):
        visitor = getattr(context.request, "user", None)
        _log_of(instance).create(
            user_id=visitor.pk if visitor and visitor.pk else instance.pk,
            content_type=ContentType.objects.get_for_model(User),
            object_id=str(instance.pk),
            object_repr=str(instance)[:200],
            action_flag=CHANGE,
            change_message=json.dumps([{"changed": {"fields": ["email"]}, LEFT: address}]),
        )


def _left_by(user: User) -> Iterator[tuple[str, datetime]]:
    """The addresses that an account had before, and when it left them."""
    for entry in _log_of(user).filter(change_message__contains=f'"{LEFT}"'):
        with suppress(ValueError):
            for change in json.loads(entry.change_message):
                if "@" in (address := change.get(LEFT, "")):
                    yield address, entry.action_time


def _log_of(user: User) -> Any:
    users = ContentType.objects.get_for_model(User)
    return LogEntry.objects.filter(content_type=users, object_id=str(user.pk))


def _is_others(user: User, address: str, moment: datetime) -> bool:
    return _is_named_by_others(user, address) or personal_data.is_used_since(address, moment)


def _is_named_by_others(user: User, address: str) -> bool:
    """Whether another account has this address, confirmed or not."""
    others = EmailAddress.objects.filter(email=address).exclude(user=user)
    return others.exists() or User.objects.filter(email=address).exclude(pk=user.pk).exists()


# -- What the app stores -----------------------------------------------------------------------


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
        "former_addresses": [address for address, _moment in _left_by(user)],
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
    for session in Session.objects.iterator():
        content = session.get_decoded()
        rest = {
            name: one
            for name, one in content.items()
            # Who is signed in stays so; that a sign-in is recent is forgotten with its address.
            if name.startswith("_auth") or not mention.is_in(json.dumps(one))
        }
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
    _log_of(user).update(object_repr=personal_data.ERASED_TEXT, change_message="")
    User.objects.filter(pk=user.pk).delete()
