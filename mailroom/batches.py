"""Leased batches of a channel's deliveries, the next fetched while one is sent."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from types import TracebackType
from typing import Any, Self

from django.db import DatabaseError, connection

from mailroom import leases
from mailroom.models import Delivery, Message
from mailroom.windows import Parcel

Batch = list[Parcel]


class Batches:
    """What is due on a channel, leased to `holder`, at most `size` deliveries at a time.

    Behind a full batch another is likely: it is fetched by a thread with a database connection of
    its own, so that the mailer need not wait for it. Behind the first one, the queue is long.
    """

    def __init__(self, channel: str, holder: str, size: int = leases.BATCH) -> None:
        self._channel, self._holder, self._size = channel, holder, size
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fetch")
        self._following: Future[Batch] | None = None
        self._is_counted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown()  # what it leases after this would not be given back

    def take(self) -> Batch:
        """The next batch, empty where nothing is due. Raises DatabaseError."""
        following, self._following = self._following, None
        try:
            batch = following.result() if following else self._fetch()
        except DatabaseError:
            if not following:
                raise
            batch = self._fetch()
        if sum(map(len, batch)) >= self._size and not _is_in_memory():
            self._following = self._thread.submit(self._fetch_aside)
        return batch

    def forget(self) -> None:
        """Drop what was fetched beforehand; its leases are still the holder's."""
        following, self._following = self._following, None
        if following:
            following.exception()  # once it is there

    def _fetch(self) -> Batch:
        return _parcels(leases.claim(self._channel, self._holder, self._size))

    def _fetch_aside(self) -> Batch:
        try:
            if not self._is_counted:
                _count_anew()
                self._is_counted = True
            return self._fetch()
        finally:
            connection.close()


def _count_anew() -> None:
    """Let PostgreSQL count the outbox again, by which it plans.

    When it counted last, few rows may have been queued: until autovacuum comes by, each look for a
    hundred of them would read the whole queue.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE mailroom_delivery (state, leased_by)")


def _is_in_memory() -> bool:
    """SQLite in memory, as in tests, has one lock that nobody waits for: one connection uses it."""
    database: Any = connection
    return database.vendor == "sqlite" and bool(database.is_in_memory_db())


def _parcels(ids: Sequence[int]) -> list[Parcel]:
    found = {one.pk: one for one in Delivery.objects.filter(pk__any_of=ids)}
    deliveries = [found[pk] for pk in ids if pk in found]
    _attach_messages(deliveries)
    grouped = sorted(
        (one for one in deliveries if one.message.is_grouped),
        key=lambda one: (one.message_id, one.pk),
    )
    together = [list(group) for _, group in groupby(grouped, key=lambda one: one.message_id)]
    return together + [[one] for one in deliveries if not one.message.is_grouped]


def _attach_messages(deliveries: Sequence[Delivery]) -> None:
    """Each content is read once, however many get it: a join would repeat it in every row."""
    messages = Message.objects.in_bulk({one.message_id for one in deliveries})
    for one in deliveries:
        one.message = messages[one.message_id]
