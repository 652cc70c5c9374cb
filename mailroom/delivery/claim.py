"""Claim the rows that a lane sends next, so that no other lane sends them.

A *window* is what a lane is sending: claimed in one commit, recorded in the next. It lasts about a
tenth of a second, and has at most 100 rows, 10 of transactional email, or one call of an API that
takes many. So this is the most that a kill -9 can leave uncertain.
"""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, takewhile
from typing import NamedTuple

from django.conf import settings
from django.core.mail import mailers
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from mailroom.config.channels import OR, channel_options, channels, is_account
from mailroom.delivery import shutdown
from mailroom.delivery.wakeups import wake
from mailroom.models import (
    ChannelPace,
    DailyLimit,
    Delivery,
    MailAccount,
    Message,
    OutcomeCount,
)
from mailroom.models.delivery import NOT_IN_FLIGHT
from mailroom.models.queries import BATCH, database_now, locked

State = Delivery.State
Parcel = list[Delivery]  # what shares one email

SECONDS, LONGEST_SECONDS = 0.1, 1.0  # how long a window should last, and may last
LARGEST_WINDOW = 100
TRANSACTIONAL_WINDOW = 10
PUT_OFF_SECONDS, PUT_OFF_STEPS = 2, 4
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)  # before everything queued, in every time zone
# The next due rows of a lane. As SQL, because building the query would take as long as running it.
# Holds and bulk are subqueries, because for a join PostgreSQL may sort the whole queue.
NEXT = """
    SELECT *,
        (SELECT is_bulk FROM mailroom_message WHERE id = message_id) AS is_bulk,
        (SELECT is_grouped FROM mailroom_message WHERE id = message_id) AS is_grouped
    FROM mailroom_delivery
    WHERE state = 'queued' AND channel = %s AND route = %s AND not_before <= %s
        AND (not_before, message_id, id) > (%s, %s, %s)
        AND message_id NOT IN (SELECT id FROM mailroom_message WHERE held_at IS NOT NULL)
    ORDER BY not_before, message_id, id LIMIT %s
"""
# The first row of each lane; each is found from the one before. This runs after every commit that
# queues email, so it is one prepared text.
LANES = """
    WITH RECURSIVE lane(first) AS (
        SELECT (
            SELECT id FROM mailroom_delivery WHERE state = 'queued'
            ORDER BY channel, route, not_before LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT id FROM mailroom_delivery
            WHERE state = 'queued' AND (channel, route) > (this.channel, this.route)
            ORDER BY channel, route, not_before LIMIT 1
        )
        FROM lane JOIN mailroom_delivery AS this ON this.id = lane.first
    )
    SELECT id, channel, route, not_before FROM lane JOIN mailroom_delivery ON id = lane.first
"""
WORKER_ENDED = "The worker ended before the outcome was written."


class Window:
    """How many rows a lane claims next, and when they may be sent.

    smallest, largest: rows, from what the providers accept at once. limits: those of the lane's
    route. A `rate` is shared by all workers. Rows that are not sent use up neither the rate nor a
    daily limit.
    """

    def __init__(
        self,
        channel: str,
        smallest: int = 1,
        largest: int = LARGEST_WINDOW,
        limits: "Limits | None" = None,
    ) -> None:
        self._limits = limits or limits_of(channel, "")
        rates = [rate for _, rate in self._limits.rates]
        self._slots = max(1, int(min(rates) * SECONDS)) if rates else None
        self._largest = largest
        self._smallest = min(smallest, largest)
        self.size = min(largest, self._slots or largest)

    def learn(self, claimed: int, sent: int, seconds: float, overhead: float = 0) -> None:
        """Make the next window as large as fits into a tenth of a second, at most twice as large.

        claimed, sent: rows of the last window. seconds: spent on sending them; overhead: on the
        rest, so that windows last longer with a slow database. With a rate, the next window is
        larger only while nothing may be sent.
        """
        if claimed < self.size and sent:
            return  # the end of a queue says little about how much fits
        lasts = min(max(SECONDS, 4 * overhead), LONGEST_SECONDS)
        fits = self.size * 4 if not sent else int(sent * lasts / max(seconds, 0.0001))
        most = self._largest if not sent else (self._slots or self._largest)
        least = min(self._smallest, most)
        self.size = max(least, min(most, fits, self.size * (4 if not sent else 2)))

    def slices[T](self, emails: Sequence[T]) -> list[Sequence[T]]:
        """The parts of a window that may be sent together: all of it, or what the rate allows."""
        step = self._slots or len(emails) or 1
        return [emails[start : start + step] for start in range(0, len(emails), step)]

    def wait_for_slots(self, count: int) -> int:
        """Take slots for the next `count` rows and wait for the first; how many may be sent."""
        for limit in self._limits.daily:
            taken = limit.take(count)
            self.give_back(count - taken, but=limit)
            count = taken
        if not count:
            return 0
        for name, rate in self._limits.rates:
            when = ChannelPace.take(name, rate, count)
            if shutdown.wait(max(0.0, (when - timezone.now()).total_seconds())):
                self.give_back(count)
                return 0
        return count

    def give_back(self, count: int, but: DailyLimit | None = None) -> None:
        """Give back what `wait_for_slots` took of daily limits for rows that were not accepted."""
        for limit in self._limits.daily:
            if limit is but:
                return  # nothing was taken from it and the following ones
            limit.give_back(count)

    @property
    def is_counted(self) -> bool:
        """Whether a daily limit counts what is sent."""
        return bool(self._limits.daily)

    @property
    def most(self) -> int:
        """How many rows to claim next: the size, or what is left of a daily limit."""
        return min([self.size, *(limit.left() for limit in self._limits.daily)])


class Limits(NamedTuple):
    """The limits of a lane: messages per second by name, and emails per day."""

    rates: list[tuple[str, float]]
    daily: list[DailyLimit]

    def resume_at(self) -> datetime | None:
        """When the lane may continue, if a daily limit is used up."""
        return max((limit.ends_at for limit in self.daily if not limit.left()), default=None)


def limits_of(channel: str, route: str) -> Limits:
    """The limits of a lane: rate and daily cap of its channel, or of its mail account."""
    account = MailAccount.objects.by_alias(route) if is_account(route) else None
    limits = account or channel_options(channel)
    rated, counted = (account.alias,) * 2 if account else (channel, f"channel:{channel}")
    rates = [(rated, limits.rate)] if limits.rate else []
    caps = [DailyLimit(counted, limits.daily_cap)] if limits.daily_cap else []
    return Limits(rates, caps)


def route_of(channel: str, stored: str) -> str:
    """The mailer that sends a row now: the one stored with it, while it is still in use.

    After a change of the configuration, rows that were queued before use the channel's new mailer,
    and so do rows for a mail account that was deleted.
    """
    via = channel_options(channel).via
    if is_account(stored):
        account = MailAccount.objects.by_alias(stored)
        if account is None:
            return via
        waits = account.when_down == MailAccount.WhenDown.WAIT
        return stored if waits else f"{stored}{OR}{via}"
    known = {channel_options(one).via for one in channels()}
    is_routed = bool(settings.MAILROOM_ROUTERS) and stored in mailers
    return stored if stored in known or is_routed else via


def claim(channel: str, route: str, holder: str, limit: int, behind: Delivery | None) -> Parcel:
    """Claim the next due rows of a lane for `holder`, oldest first, in the current transaction.

    They are `sending` from its commit on. The rows of a grouped message are claimed together or not
    at all; rows of transactional email at most ten at a time. behind: the last row of the previous
    window, so that rows that can't be claimed are not read again and again.
    """
    now = timezone.now()
    last = (behind.not_before, behind.message_id, behind.pk) if behind else (BEGINNING, 0, 0)
    when = connection.ops.adapt_datetimefield_value
    lock = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    parameters = [channel, route, when(now), when(last[0]), *last[1:], limit]
    picked: Parcel = list(Delivery.objects.raw(NEXT + lock, parameters))
    if not picked:
        return []
    kind = picked[0].is_bulk  # type: ignore[attr-defined]
    picked = list(takewhile(lambda one: one.is_bulk == kind, picked))  # type: ignore[attr-defined]
    picked = picked if kind else picked[:TRANSACTIONAL_WINDOW]
    picked = _with_whole_groups(picked, now)
    ids = [one.pk for one in picked]
    Delivery.objects.filter(pk__any_of=ids).update(
        state=State.SENDING,
        holder=holder,
        attempts=F("attempts") + 1,
        leased_until=database_now() + timedelta(seconds=settings.MAIL_LEASE_SECONDS),
    )
    for one in picked:
        one.state, one.holder, one.attempts = State.SENDING, holder, one.attempts + 1
    return picked


def _with_whole_groups(picked: Parcel, now: datetime) -> Parcel:
    """Replace each row of a grouped message by all its due rows, unless another lane has some."""
    groups = {one.message_id for one in picked if one.is_grouped}  # type: ignore[attr-defined]
    if not groups:
        return picked
    free = locked(Message.objects.filter(pk__in=groups).order_by("pk"))
    whole: Parcel = []
    for message in free.values_list("pk", flat=True):
        open_rows = Delivery.objects.unfinished().filter(message=message)
        due = list(locked(Delivery.objects.due(now).filter(message=message), of=("self",)))
        in_flight_or_locked = open_rows.filter(
            Q(state=State.SENDING) | Q(not_before__lte=now)
        ).count() - len(due)
        whole += due if not in_flight_or_locked else []
    return [one for one in picked if one.message_id not in groups] + whole


def attach_messages(rows: list[Delivery], known: dict[int, Message]) -> None:
    """Give each row its message, which is read once; known: messages read before.

    Holds and cancellations are read again. A message for one person is dropped after its window.
    """
    wanted = {one.message_id for one in rows}
    for pk in [pk for pk, message in known.items() if pk not in wanted or not message.is_bulk]:
        del known[pk]
    states = Message.objects.filter(pk__in=known).values_list("pk", "held_at", "cancel_reason")
    for pk, held_at, cancel_reason in states:
        known[pk].held_at, known[pk].cancel_reason = held_at, cancel_reason
    if missing := wanted - known.keys():
        known.update(Message.objects.in_bulk(missing))
    rows[:] = [one for one in rows if one.message_id in known]  # others were deleted meanwhile
    for one in rows:
        one.message = known[one.message_id]


def parcels(rows: Sequence[Delivery]) -> list[Parcel]:
    """The rows grouped by email: those of a grouped message together, any other alone."""
    grouped = sorted(
        (one for one in rows if one.message.is_grouped), key=lambda one: (one.message_id, one.pk)
    )
    together = [list(group) for _, group in groupby(grouped, key=lambda one: one.message_id)]
    return together + [[one] for one in rows if not one.message.is_grouped]


def put_off(rows: Sequence[Delivery], holder: str) -> None:
    """Queue rows again that could not be checked because the database was away; no attempt counts.

    They become due at different times, so that a row whose hook always causes this doesn't keep
    others from being sent.
    """
    shuffled = random.sample([one.pk for one in rows], len(rows))
    for place in range(PUT_OFF_STEPS):
        mine = Delivery.objects.in_flight(holder).filter(pk__any_of=shuffled[place::PUT_OFF_STEPS])
        later = timezone.now() + timedelta(seconds=PUT_OFF_SECONDS * (place + 1))
        back = {"state": State.QUEUED, "attempts": F("attempts") - 1, "not_before": later}
        mine.update(**back, **NOT_IN_FLIGHT)


def next_due(channel: str, route: str) -> datetime | None:
    """When the lane has something to send next; None where nothing is queued."""
    rows = Delivery.objects.sendable().filter(channel=channel, route=route)
    found: datetime | None = (
        rows.order_by("not_before", "message_id", "pk").values_list("not_before", flat=True).first()
    )
    return found


def lanes() -> dict[tuple[str, str], datetime]:
    """The lanes that have something queued, and when it is due.

    Reads one row per lane, however many are queued.
    """
    return {(row.channel, row.route): row.not_before for row in Delivery.objects.raw(LANES)}


def settle_abandoned() -> tuple[int, list[Delivery]]:
    """Settle what a worker was sending when it died; how many rows, and those now uncertain.

    Whether it was accepted is unknown. Bulk becomes uncertain, because sending twice would be
    worse; anything else is queued again with its own Message-ID, because losing it would be worse.
    """
    with transaction.atomic():
        # A locked row is being recorded by its own worker, which was only slow.
        rows = locked(Delivery.objects.abandoned().select_related("message"), of=("self",))
        lost = {one.pk: one for one in rows.defer("message__body", "message__content")[:BATCH]}
        bulk = [pk for pk, one in lost.items() if one.message.is_bulk]
        unknown = {"state": State.UNCERTAIN, "error": WORKER_ENDED, "finished_at": timezone.now()}
        Delivery.objects.filter(pk__any_of=bulk).update(**unknown, **NOT_IN_FLIGHT)
        again = [one for pk, one in lost.items() if not one.message.is_bulk]
        Delivery.objects.filter(pk__any_of=[one.pk for one in again]).update(
            state=State.QUEUED, not_before=timezone.now(), **NOT_IN_FLIGHT
        )
        uncertain = list(Delivery.objects.filter(pk__any_of=bulk))
        OutcomeCount.add(Counter(one.counted_as for one in uncertain))
        for channel, route in {(one.channel, one.route) for one in again}:
            wake(channel, route)
    return len(lost), uncertain
