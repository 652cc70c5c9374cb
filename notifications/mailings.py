"""Mails about one event: frozen once for each language, then a delivery for each reader."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model

from mailroom.models import Delivery, Message
from mailroom.outbox import Recipient, add_deliveries, freeze
from notifications import emails
from notifications.deciding import circumstances, decide
from notifications.kinds import KINDS, Kind, Way
from notifications.models import Mailing, Notification

UNWANTED = "no longer wanted"


class Letter(NamedTuple):
    """One notification to be mailed, and its recipient's confirmed address."""

    notification: Notification
    address: str


class Post:
    """The mails of one call of notify(). row: the values that all its notifications share."""

    def __init__(self, kind: Kind, row: dict[str, Any]) -> None:
        self.kind = kind
        self.row = row
        self._frozen: dict[str, Message] = {}

    def send(self, letters: Iterable[Letter]) -> None:
        """Queue a mail for each, in the caller's transaction."""

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
        """The message that tells this event in a language, made where there is none yet."""
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
    """Which mails must not be sent any more: their reader left, paused or switched them off."""
    by_kind: dict[str, list[Delivery]] = {}
    for one in deliveries:
        by_kind.setdefault(one.values["kind"], []).append(one)
    return {
        pk: UNWANTED
        for key, some in by_kind.items()
        if key in KINDS
        for pk in _unwanted(KINDS[key], some)
    }


def _unwanted(kind: Kind, deliveries: Sequence[Delivery]) -> list[int]:
    users = get_user_model().objects.in_bulk([one.values["user"] for one in deliveries])
    known = circumstances(kind, list(users.values()))
    wanted = {user.pk for user, found in known.items() if decide(kind, found) is Way.INSTANT}
    return [one.pk for one in deliveries if one.values["user"] not in wanted]
