"""Leases: a delivery is in one worker's hands at a time, and comes free when that worker dies."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from mailroom.models import Delivery, Message

logger = logging.getLogger(__name__)

BATCH = 1000  # rows leased at a time: as many as the largest window


def lease_end() -> datetime:
    """When a lease taken or renewed now runs out."""
    return timezone.now() + timedelta(seconds=settings.MAIL_LEASE_SECONDS)


def claim(channel: str, holder: str, limit: int = BATCH) -> list[int]:
    """Lease the next due deliveries of a channel to `holder`; their ids, oldest first.

    The rows stay queued: a worker that dies with them sent none. The deliveries of one grouped
    message come together or not at all.
    """
    now = timezone.now()
    with transaction.atomic(durable=True):
        due = Delivery.objects.due(now).filter(channel=channel).order_by("not_before", "pk")
        rows = due.values_list("pk", "message_id", "message__is_grouped")
        picked = list(locked(rows, of=("self",))[:limit])
        ids = {pk for pk, _, is_grouped in picked if not is_grouped}
        ids |= _whole_groups({message for _, message, is_grouped in picked if is_grouped}, now)
        mine = Delivery.objects.due(now).filter(pk__any_of=ids)
        leased = mine.update(leased_by=holder, leased_until=lease_end())
        in_order = [pk for pk, _, _ in picked]
        if leased == len(ids) and ids == set(in_order):  # nearly always
            return in_order
        held = Delivery.objects.held_by(holder).queued().filter(pk__any_of=ids)
        return list(held.order_by("not_before", "pk").values_list("pk", flat=True))


def _whole_groups(messages: set[int], now: datetime) -> set[int]:
    """Due deliveries of the grouped messages that nobody else is claiming at this moment."""
    if not messages:
        return set()
    free = list(locked(Message.objects.filter(pk__in=messages).values_list("pk", flat=True)))
    busy = Delivery.objects.filter(message__in=free, leased_until__gte=now)
    whole = set(free) - set(busy.values_list("message_id", flat=True))
    return set(Delivery.objects.due(now).filter(message__in=whole).values_list("pk", flat=True))


def locked(rows, **kwargs):
    """Lock rows, less those that another transaction has locked; SQLite has one writer anyway.

    To wait for them would be a deadlock where the other one waits for some of ours.
    """
    if connection.features.has_select_for_update_skip_locked:
        return rows.select_for_update(skip_locked=True, **kwargs)
    return rows


def renew(holder: str) -> int:
    """Prolong the leases of a holder; how many. The window that is being written needs none."""
    with transaction.atomic(durable=True):
        mine = locked(Delivery.objects.held_by(holder)).values_list("pk", flat=True)
        return Delivery.objects.filter(pk__any_of=list(mine)).update(leased_until=lease_end())


def release(holder: str) -> int:
    """Give back what a holder leased and did not begin; how many."""
    mine = Delivery.objects.held_by(holder).queued()
    return mine.update(leased_by="", leased_until=None)


def postpone(holder: str, seconds: float) -> int:
    """Give back what a holder did not begin, to be due in `seconds`: its mailer is down."""
    later = timezone.now() + timedelta(seconds=seconds)
    mine = Delivery.objects.held_by(holder).queued()
    return mine.update(leased_by="", leased_until=None, not_before=later)


def give_back(holder: str, ids: Sequence[int], seconds: float | None = None) -> int:
    """Give back these of what a holder did not begin; how many. seconds: until they are due."""
    mine = Delivery.objects.held_by(holder).queued().filter(pk__any_of=ids)
    if seconds is None:
        return mine.update(leased_by="", leased_until=None)
    later = timezone.now() + timedelta(seconds=seconds)
    return mine.update(leased_by="", leased_until=None, not_before=later)


@contextmanager
def kept(holder: str) -> Iterator[None]:
    """Renew the holder's leases while the block runs, however long a single send takes.

    Leases that are left at the end are given back.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(stop, holder), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        release(holder)


def _renew_until(stop: threading.Event, holder: str) -> None:
    try:
        while not stop.wait(settings.MAIL_LEASE_SECONDS / 3):
            try:
                renew(holder)
            except DatabaseError as error:
                logger.warning("Leases could not be renewed: %s", type(error).__name__)
                connection.close()
    finally:
        connection.close()
