"""The one door: tell people something, in the app and, where they want that, by mail."""

from collections.abc import Iterable, Sequence
from itertools import batched
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from notifications import emails
from notifications.kinds import Delivery, Kind, kind_of
from notifications.models import Notification, Preference

BATCH = 500

User = Any  # whatever AUTH_USER_MODEL is


def notify(
    recipients: User | Iterable[User],
    kind: str,
    *,
    actor: object = None,
    target: object = None,
    dedupe_key: str | None = None,
    **data: Any,
) -> int:
    """Tell users something of one kind; how many were told.

    recipients: a user, an iterable of users or a queryset, which is read in batches.
    actor: who did it, shown by its str(). target: a URL, or something that has one.
    dedupe_key: names the event: told again, it changes nothing. data: JSON for the templates.
    Raises LookupError for an unknown kind. A row and its mail are written together or not.
    """
    found = kind_of(kind)
    row = {
        "kind": found.key,
        "actor": str(actor or "")[:200],
        "target_url": _url(target),
        "dedupe_key": dedupe_key,
        "data": data,
    }
    return sum(
        _tell(found, batch, row) for batch in batched(_each(recipients), BATCH, strict=False)
    )


def _each(recipients: User | Iterable[User]) -> Iterable[User]:
    if isinstance(recipients, AbstractBaseUser):
        return [recipients]
    if isinstance(recipients, QuerySet):
        return recipients.order_by("pk").iterator(BATCH)
    return recipients


def _url(target: object) -> str:
    if hasattr(target, "get_absolute_url"):
        return str(target.get_absolute_url())
    return str(target or "")


def _tell(kind: Kind, users: Sequence[User], row: dict[str, Any]) -> int:
    """One batch, in a constant number of queries besides those of its mails."""
    wanted = _wishes(kind, [user for user in users if user.is_active])
    with transaction.atomic():
        told = _write(wanted, row)
        _mail([one for one in told if wanted[one.recipient] is Delivery.INSTANT], kind)
    return len(told)


def _wishes(kind: Kind, users: Sequence[User]) -> dict[User, Delivery]:
    """How each of the users wants this kind; those who don't are left out."""
    chosen: dict[int, str] = {}
    if not kind.required:
        rows = Preference.objects.filter(user__in=users, kind=kind.key)
        chosen = dict(rows.values_list("user", "delivery"))
    wishes = {user: Delivery(chosen.get(user.pk, kind.default)) for user in users}
    return {user: wish for user, wish in wishes.items() if wish is not Delivery.OFF}


def _write(users: Iterable[User], row: dict[str, Any]) -> list[Notification]:
    """The new rows. With a key, those who have the row already get no second one."""
    rows = [Notification(recipient=user, **row) for user in users]
    if row["dedupe_key"] is None:
        return Notification.objects.bulk_create(rows)
    same = Notification.objects.filter(kind=row["kind"], dedupe_key=row["dedupe_key"])
    mine = same.filter(recipient__in=[one.recipient for one in rows])
    known = set(mine.values_list("pk", flat=True))
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    # Rows that were mailed appear here where another process tells the same event meanwhile.
    return list(mine.exclude(pk__in=known).filter(mailed_at=None).select_related("recipient"))


def _mail(rows: Sequence[Notification], kind: Kind) -> None:
    """Mail to verified addresses only: anybody can sign up with anybody's."""
    if not (rows and kind.message_type):
        return
    users = [one.recipient_id for one in rows]
    verified = EmailAddress.objects.filter(user__in=users, verified=True, primary=True)
    addresses = dict(verified.values_list("user", "email"))
    for one in rows:
        if address := addresses.get(one.recipient_id):
            emails.notice(kind, one, one.recipient, address).send()
    mailed = [one.pk for one in rows if one.recipient_id in addresses]
    Notification.objects.filter(pk__in=mailed).update(mailed_at=timezone.now())
