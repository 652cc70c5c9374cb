"""Send a notification in-app and, if the user wants it, by email."""

from collections.abc import Iterable, Sequence
from itertools import batched, groupby
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from mailroom.models import Delivery, Message
from mailroom.outbox import Recipient, add_deliveries, freeze
from notifications import emails
from notifications.kinds import KINDS, NotificationKind, Way, kind_of
from notifications.models import DueDigest, Mailing, Notification
from notifications.preferences import UNWANTED, Circumstances, circumstances, decide

RECIPIENTS_AT_ONCE = 500

User = Any  # the model in AUTH_USER_MODEL


def notify(
    recipients: User | Iterable[User],
    kind: str,
    *,
    actor: object = None,
    target: object = None,
    dedupe_key: str | None = None,
    **data: Any,
) -> int:
    """Notify users of one event; return the number of new notifications.

    recipients: a user, an iterable of users or a queryset, which is read in batches.
    actor: who did it, shown by its str(). target: a URL, or something that has one.
    dedupe_key: identifies the event: repeating it changes nothing. data: JSON for the templates.
    Raises LookupError for an unknown kind. A row and its email are written together or not at all.
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
        _tell(found, batch, row, post)
        for batch in batched(_each(recipients), RECIPIENTS_AT_ONCE, strict=False)
    )


def _each(recipients: User | Iterable[User]) -> Iterable[User]:
    if isinstance(recipients, AbstractBaseUser):
        return [recipients]
    if isinstance(recipients, QuerySet):
        # Always in the same order, so that two calls at once don't deadlock.
        ordered = recipients if recipients.query.is_sliced else recipients.order_by("pk")
        return ordered.iterator(RECIPIENTS_AT_ONCE)
    return recipients


def _url(target: object) -> str:
    if hasattr(target, "get_absolute_url"):
        return str(target.get_absolute_url())
    return str(target or "")


def _tell(kind: NotificationKind, users: Sequence[User], row: dict[str, Any], post: "Post") -> int:
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
    """The new rows. With a dedupe_key, users who already have the row get no second one."""
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
    # Another process may notify of the same event meanwhile, and have emailed its rows.
    return list(mine.exclude(pk__in=known).filter(mailed_at=None).select_related("recipient"))


def _mail(rows: Sequence[Notification], known: dict[User, Circumstances], post: "Post") -> None:
    if rows:
        post.send(Letter(one, known[one.recipient].address) for one in rows)
        pks = [one.pk for one in rows]
        Notification.objects.filter(pk__in=pks).update(mailed_at=timezone.now())


# -- Emails about one event --------------------------------------------------------------------


class Letter(NamedTuple):
    """One notification to email, and its recipient's confirmed address."""

    notification: Notification
    address: str


class Post:
    """The emails of one call of notify(). row: the values that all its notifications share."""

    def __init__(self, kind: NotificationKind, row: dict[str, Any]) -> None:
        self.kind = kind
        self.row = row
        self._frozen: dict[str, Message] = {}

    def send(self, letters: Iterable[Letter]) -> None:
        """Queue an email for each, in the caller's transaction."""

        def language(letter: Letter) -> str:
            chosen: str = getattr(letter.notification.recipient, "language", "")
            return chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE

        for code, some in groupby(sorted(letters, key=language), key=language):
            add_deliveries(self._message(code), map(_recipient, some))

    def _message(self, language: str) -> Message:
        if language not in self._frozen:
            self._frozen[language] = self._kept(language)
        return self._frozen[language]

    def _kept(self, language: str) -> Message:
        """The message about this event in a language; created if there is none yet."""
        event = self.row["dedupe_key"]
        if event is None:
            return self._freeze(language)
        key = {"kind": self.kind.key, "event": event, "language": language}
        row, _is_new = Mailing.objects.select_related("message").get_or_create(
            **key,
            defaults={"message": lambda: self._freeze(language)},  # type: ignore[misc]
        )
        return row.message

    def _freeze(self, language: str) -> Message:
        return freeze(emails.notice(self.kind, self.row, language))


def _recipient(letter: Letter) -> Recipient:
    one = letter.notification
    values = {"kind": one.kind, "user": one.recipient_id, "notification": one.pk}
    return Recipient(letter.address, values=values)


def skip_reasons(deliveries: list[Delivery]) -> dict[int, str]:
    """Emails that must not be sent any more: the user left, paused, or switched the kind off."""
    by_kind: dict[str, list[Delivery]] = {}
    for one in deliveries:
        by_kind.setdefault(one.values["kind"], []).append(one)
    return {
        pk: UNWANTED
        for key, some in by_kind.items()
        if key in KINDS
        for pk in _unwanted(KINDS[key], some)
    }


def _unwanted(kind: NotificationKind, deliveries: Sequence[Delivery]) -> list[int]:
    users = get_user_model().objects.in_bulk([one.values["user"] for one in deliveries])
    known = circumstances(kind, list(users.values()))
    wanted = {user.pk for user, found in known.items() if decide(kind, found) is Way.INSTANT}
    return [one.pk for one in deliveries if one.values["user"] not in wanted]
