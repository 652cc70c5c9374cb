"""The health of all providers as this process last saw it, at most a second ago.

Looking at every mail's provider must not cost a query a mail.
"""

import logging
import time
from typing import NamedTuple

from django.db import DatabaseError
from django.utils import timezone

from mailroom.channels import children
from mailroom.models import MailerHealth

logger = logging.getLogger(__name__)

FRESH_SECONDS = 1.0


class _Seen(NamedTuple):
    rows: dict[str, MailerHealth]
    at: float


_seen = _Seen({}, float("-inf"))


def health(alias: str) -> MailerHealth:
    """The health of a provider; one that is well where nothing is known of it."""
    return _rows().get(alias) or MailerHealth(alias=alias)


def forget() -> None:
    """Look again before the next answer."""
    global _seen  # noqa: PLW0603  (a cache of one process, shared by its threads)
    _seen = _Seen({}, float("-inf"))


def rests(alias: str) -> bool:
    """True where a provider is to get nothing now, or a route has only such children."""
    if below := children(alias):
        return all(rests(child) for child in below)
    row = health(alias)
    if row.mode:
        return True
    is_closed = row.state == MailerHealth.State.CLOSED
    return not is_closed and bool(row.retry_at and row.retry_at > timezone.now())


def is_paused(alias: str) -> bool:
    """True where a person paused a provider, or all that a route could go by."""
    if below := children(alias):
        return all(is_paused(child) for child in below)
    return health(alias).mode == MailerHealth.Mode.PAUSED


def _rows() -> dict[str, MailerHealth]:
    global _seen  # noqa: PLW0603
    if time.monotonic() - _seen.at > FRESH_SECONDS:
        try:
            rows = {row.alias: row for row in MailerHealth.objects.all()}
        except DatabaseError:  # error mail must go out also when the database is what is broken
            logger.warning("The health of mailers can't be read; they count as working.")
            rows = _seen.rows
        _seen = _Seen(rows, time.monotonic())
    return _seen.rows
