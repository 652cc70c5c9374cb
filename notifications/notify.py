"""The one door: tell people something, in the app and, where they want that, by mail."""

from collections.abc import Iterable, Sequence
from itertools import batched
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from notifications.deciding import Circumstances, circumstances, decide
from notifications.kinds import Kind, Way, kind_of
from notifications.mailings import Letter, Post
from notifications.models import DueDigest, Notification

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
        "batch_key": str(data.get(found.batch, ""))[:200],
        "data": data,
    }
    post = Post(found, row)
    return sum(
        _tell(found, batch, row, post) for batch in batched(_each(recipients), BATCH, strict=False)
    )


def _each(recipients: User | Iterable[User]) -> Iterable[User]:
    if isinstance(recipients, AbstractBaseUser):
        return [recipients]
    if isinstance(recipients, QuerySet):
        # In one order, so that two calls at a time wait for each other and don't lock each other.
        ordered = recipients if recipients.query.is_sliced else recipients.order_by("pk")
        return ordered.iterator(BATCH)
    return recipients


def _url(target: object) -> str:
    if hasattr(target, "get_absolute_url"):
        return str(target.get_absolute_url())
    return str(target or "")


def _tell(kind: Kind, users: Sequence[User], row: dict[str, Any], post: Post) -> int:
    """One batch, in a constant number of queries."""
    known = circumstances(kind, users)
    ways = {user: decide(kind, known[user]) for user in users}
    with transaction.atomic():
        told = _write({user: way for user, way in ways.items() if way is not Way.OFF}, row)
        by_way = {way: [one for one in told if ways[one.recipient] is way] for way in Way}
        _mail(by_way[Way.INSTANT], known, post)
        if later := by_way[Way.DIGEST]:
            DueDigest.objects.plan(one.recipient for one in later)
    return len(told)


def _write(ways: dict[User, Way], row: dict[str, Any]) -> list[Notification]:
    """The new rows. With a key, those who have the row already get no second one."""
    rows = [
        Notification(recipient=user, by_digest=way is Way.DIGEST, **row)
        for user, way in ways.items()
    ]
    if row["dedupe_key"] is None:
        return Notification.objects.bulk_create(rows)
    same = Notification.objects.filter(kind=row["kind"], dedupe_key=row["dedupe_key"])
    mine = same.filter(recipient__in=[one.recipient for one in rows])
    known = set(mine.values_list("pk", flat=True))
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    # Rows that were mailed appear here where another process tells the same event meanwhile.
    return list(mine.exclude(pk__in=known).filter(mailed_at=None).select_related("recipient"))


def _mail(rows: Sequence[Notification], known: dict[User, Circumstances], post: Post) -> None:
    if rows:
        post.send(Letter(one, known[one.recipient].address) for one in rows)
        pks = [one.pk for one in rows]
        Notification.objects.filter(pk__in=pks).update(mailed_at=timezone.now())
