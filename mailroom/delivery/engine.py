"""The engine: runs a lane for each channel and route with due email, on a few threads.

A lane claims a window, sends it, then records its outcomes and claims the next window in the same
commit, until nothing is due. `Lanes` starts a lane when email is queued (`wakeups`), when a retry
is due, and when a provider may be tried again.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from mailroom.config.channels import channels, is_account
from mailroom.delivery import breaker, claim, guards, shutdown
from mailroom.delivery.breaker import Admission
from mailroom.delivery.complete import Change, Results, announce, complete
from mailroom.delivery.feedback import handle
from mailroom.delivery.transport import Built, Transport, window_limits
from mailroom.delivery.wakeups import POLL_SECONDS, TASK_QUEUED, Wakeup
from mailroom.models import Delivery, Event, Message
from mailroom.outcomes import Outcome, Verdict, database_fault, is_database_away

logger = logging.getLogger(__name__)

THREADS, FOR_TRANSACTIONAL = 8, 3  # lanes at once; reserved for transactional email
TURN_SECONDS = 5.0  # how long a lane continues while others wait for a thread
PATIENCE = 30  # tries, a second apart: long enough for a database to restart
FAR_AWAY = timedelta(days=1)

LaneKey = tuple[str, str]  # the channel, and the route as it is stored in the rows


def deliver_due(channel: str) -> int:
    """Send everything that is due on a channel, in this thread; the number of rows handled."""
    keys = [key for key in claim.lanes() if key[0] == channel]
    return sum(Lane(*key).run() for key in keys)


class Lane:
    """Sends the due email of one channel by one route, window after window.

    yields: whether others wait for this lane's thread. A process runs one lane of a channel and
    route at a time; other processes claim other rows.
    """

    def __init__(self, channel: str, route: str, yields: Callable[[], bool] = lambda: False):
        self.channel, self.route = channel, route
        self.via = claim.route_of(channel, route)
        self.holder = f"{channel[:40]}:{uuid.uuid4().hex[:16]}"
        self._yields = yields
        self._messages: dict[int, Message] = {}
        self._last: Delivery | None = None  # of the previous window: the next one starts after it
        self._deadline = float("inf")
        self._sent, self._seconds = 0, 0.0  # rows of this window, and what sending them took

    def run(self) -> int:
        """Send until nothing is due, no provider works or the worker stops; rows handled."""
        handled = 0
        with Transport(self.via) as transport:
            limits = claim.limits_of(self.channel, self.route)
            self._window = claim.Window(self.channel, *window_limits(self.via), limits)
            rows = self._record_and_claim([], Results({}, {}, {}), goes_on=True)
            while rows:
                began, claimed = time.monotonic(), len(rows)
                handled += claimed
                self._sent, self._seconds = 0, 0.0
                results = Results({}, {}, {})
                try:
                    self._send(rows, transport, results)
                except Exception as error:
                    self._give_up(rows, results, error)
                    if not is_database_away(error):
                        raise
                    rows = []
                rows = self._record_and_claim(rows, results, goes_on=not self._yields())
                overhead = time.monotonic() - began - self._seconds
                self._window.learn(claimed, self._sent, self._seconds, overhead)
        return handled

    def _send(self, rows: list[Delivery], transport: Transport, results: Results) -> None:
        """Check a window, build its emails and send them; add the outcomes to `results`."""
        self._deadline = time.monotonic() + settings.MAIL_LEASE_SECONDS / 2
        claim.attach_messages(rows, self._messages)
        checked = guards.check(rows, self.via)
        built, errors = transport.build(claim.parcels(checked.passed))
        results.skipped.update(checked.skip)
        results.unsendable.update(checked.fail | errors)
        for emails in self._window.slices(built):
            if not self._send_slice(emails, transport, results):
                break

    def _send_slice(self, emails: Sequence[Built], transport: Transport, results: Results) -> bool:
        """Send as much of a slice as is allowed now; False if the rest has to wait."""
        allowed = self._window.wait_for_slots(len(emails))
        if not self._may_start():
            self._window.give_back(allowed)
            return False
        began = time.monotonic()
        outcomes = transport.send(emails[:allowed], self._may_start)
        results.outcomes.update(outcomes)
        if self._window.is_counted:
            self._window.give_back(allowed - _handed_over(emails[:allowed], outcomes))
        self._seconds += time.monotonic() - began
        self._sent += sum(len(parcel) for _, parcel in emails[:allowed])
        return allowed == len(emails)

    def _give_up(self, rows: list[Delivery], results: Results, error: Exception) -> None:
        """After an error, record what was sent of a window; the rest stays queued."""
        if not results.outcomes and is_database_away(error):
            logger.warning("%s; a window waits.", database_fault(error))
            connection.close_if_unusable_or_obsolete()
            _patiently(lambda: claim.put_off(rows, self.holder))
        else:
            self._record_and_claim(rows, results, goes_on=False)

    def _may_start(self) -> bool:
        """Whether another email may be sent: the lease must not end meanwhile.

        A worker process that was suspended stops here.
        """
        return time.monotonic() < self._deadline and not shutdown.is_wanted()

    def _record_and_claim(
        self, rows: list[Delivery], results: Results, *, goes_on: bool
    ) -> list[Delivery]:
        """Record one window and claim the next in one commit; the rows of the next."""

        def write() -> tuple[list[Change], list[Event], list[Delivery]]:
            breaker.end_probe(was_used=bool(rows))
            may_claim = goes_on and not shutdown.is_wanted()
            admitted = breaker.admission(self.via) if may_claim else Admission.NONE
            with transaction.atomic(durable=True):
                changed, bounces = complete(rows, results, self.holder) if rows else ([], [])
                return changed, bounces, self._claim(admitted)

        changed, bounces, following = _patiently(write) if rows else write()
        announce(changed)
        if bounces:
            handle(bounces)
        if not following:
            breaker.end_probe(was_used=False)
        return following

    def _claim(self, admitted: Admission) -> list[Delivery]:
        """The next window: after the last row first, then from the beginning."""
        if admitted is Admission.NONE:
            return []
        limit = self._window.most if admitted is Admission.ALL else min(1, self._window.most)
        if not limit:
            return []
        rows = claim.claim(self.channel, self.route, self.holder, limit, self._last)
        if not rows and self._last is not None:
            rows = claim.claim(self.channel, self.route, self.holder, limit, None)
        self._last = rows[-1] if len(rows) == limit else None
        return rows


def _patiently[T](write: Callable[[], T]) -> T:
    """Write the outcomes of a window, and retry while the database is unreachable.

    We know what was sent. Giving up would make these rows uncertain.
    """
    for attempt in range(PATIENCE + 1):
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            if attempt == PATIENCE:
                raise
            logger.warning("%s; outcomes are kept until it is back.", database_fault(error))
            connection.close()
            time.sleep(1)
    raise AssertionError("unreachable: the last attempt returns or raises")


class Lanes:
    """Runs lanes on a bounded pool of threads, each when it has something to do.

    Some threads are reserved for channels with transactional email. A lane runs in one thread at a
    time, so a route that hangs delays only its own email.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="lane")
        self._changed = threading.Condition()
        self._due: dict[LaneKey, datetime] = {}
        self._running: set[LaneKey] = set()
        self._again: set[LaneKey] = set()  # woken while they ran
        self._look = True
        self.hears = True  # False: no notifications about what other processes queue

    def wake(self, wakeup: Wakeup) -> None:
        """Listener of `wakeups`: something was queued for a lane, or for any lane."""
        with self._changed:
            if wakeup.channel == TASK_QUEUED:
                return
            if wakeup.channel:
                self._make_due((wakeup.channel, wakeup.route), timezone.now())
            else:
                self._look = True
            self._changed.notify()

    def stop(self) -> None:
        """Wake the loop, which then sees that it should shut down."""
        with self._changed:
            self._changed.notify()

    def run(self) -> None:
        """Start lanes until a shutdown is requested, then wait for the running ones."""
        looked_at = float("-inf")
        while not shutdown.is_wanted():
            every = POLL_SECONDS if self.hears else 1.0
            with self._changed:
                is_time = self._look or time.monotonic() - looked_at >= every
                self._look = False
            if is_time:
                looked_at = time.monotonic()
                self._find_lanes()
            with self._changed:
                self._start_due()
                left = every - (time.monotonic() - looked_at)
                if not self._look:
                    self._changed.wait(max(0.0, min(left, self._seconds_to_next(), 1.0)))
        self._pool.shutdown()

    def _find_lanes(self) -> None:
        found = claim.lanes()
        connection.close_if_unusable_or_obsolete()
        with self._changed:
            for key, due_at in found.items():
                self._make_due(key, due_at)

    def _make_due(self, key: LaneKey, due_at: datetime) -> None:
        if key in self._running:
            if due_at <= timezone.now():
                self._again.add(key)
        elif key[0] in channels():
            self._due[key] = min(due_at, self._due.get(key, due_at))

    def _start_due(self) -> None:
        """Start the lanes that are due, those with transactional email first."""
        now = timezone.now()
        due = [key for key, due_at in self._due.items() if due_at <= now]
        for key in sorted(due, key=lambda key: (not is_transactional(key[0]), self._due[key])):
            if not self._has_thread(key):
                continue
            del self._due[key]
            self._running.add(key)
            self._pool.submit(self._run, key)

    def _has_thread(self, key: LaneKey) -> bool:
        if is_account(key[1]) and any(route == key[1] for _, route in self._running):
            return False  # a mail account whose server hangs gets one thread
        kept = 0 if is_transactional(key[0]) else FOR_TRANSACTIONAL
        return len(self._running) < THREADS - kept

    def _others_wait(self, key: LaneKey) -> bool:
        """Whether lanes are due that have no thread."""
        now = timezone.now()
        return any(not self._has_thread(one) for one, at in list(self._due.items()) if at <= now)

    def _seconds_to_next(self) -> float:
        now = timezone.now()
        waiting = [at for key, at in self._due.items() if at > now or self._has_thread(key)]
        return (min(waiting) - now).total_seconds() if waiting else FAR_AWAY.total_seconds()

    def _run(self, key: LaneKey) -> None:
        due_at: datetime | None = None
        try:
            began = time.monotonic()

            def yields() -> bool:
                return time.monotonic() - began > TURN_SECONDS and self._others_wait(key)

            Lane(*key, yields=yields).run()
            due_at = self._due_again(key)
        except DatabaseError as error:
            logger.warning("%s; trying again.", database_fault(error))
            due_at = timezone.now() + timedelta(seconds=1)
        except Exception:
            logger.exception("The lane %s failed; it goes on.", key[0])
            due_at = timezone.now() + timedelta(seconds=1)
        finally:
            connection.close()
            with self._changed:
                self._running.discard(key)
                if key in self._again:
                    due_at = min(timezone.now(), due_at or timezone.now())
                    self._again.discard(key)
                if due_at is not None:
                    self._make_due(key, due_at)
                self._changed.notify()

    def _due_again(self, key: LaneKey) -> datetime | None:
        """When the lane has something to do next, as far as we know now."""
        due_at = claim.next_due(*key)
        if due_at is None:
            return None
        via = claim.route_of(*key)
        if breaker.is_paused(via):
            return None  # ending the pause wakes all lanes
        if resume_at := claim.limits_of(*key).resume_at():
            return max(due_at, resume_at)
        next_try = breaker.next_try(via)
        return max(due_at, next_try) if next_try else due_at


def _handed_over(emails: Sequence[Built], outcomes: Mapping[int, Outcome]) -> int:
    """How many emails a provider accepted, or may have accepted."""
    taken = {Verdict.ACCEPTED, Verdict.UNKNOWN}
    return sum(
        any(one.pk in outcomes and outcomes[one.pk].verdict in taken for one in parcel)
        for _, parcel in emails
    )


def is_transactional(channel: str) -> bool:
    """True for a channel with transactional email, for which people wait."""
    rows = settings.MESSAGE_TYPES.values()
    types = [row for row in rows if row.channel == channel]
    return channel == "default" or not types or not all(row.bulk for row in types)
