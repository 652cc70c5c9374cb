"""The engine: claim a batch, send it window by window, write down every outcome.

A *window* is what goes out in about a tenth of a second, at most 100 rows, or one call to an API
that takes many. Only a window's rows are ever `sending` without an outcome, so that is all a kill
-9 can leave in doubt.
"""

import logging
import random
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from mailroom import health, leases, shutdown
from mailroom.batches import Batch, Batches
from mailroom.carrier import Built, Carrier
from mailroom.channels import channel_options
from mailroom.envelope import build
from mailroom.gate import Gate
from mailroom.models import Delivery, Message
from mailroom.opening import window_limits
from mailroom.pace import Pace
from mailroom.record import announce, fail, record, skip
from mailroom.webhooks.process import handle
from mailroom.windows import Parcel, Windows

logger = logging.getLogger(__name__)

PUT_OFF_SECONDS, PUT_OFF_STEPS = 2, 4


class _Run(NamedTuple):
    """What stays the same over all batches of one run."""

    channel: str
    holder: str
    batches: Batches
    carrier: Carrier
    pace: Pace
    windows: Windows

    @property
    def must_stop(self) -> bool:
        """True once a shutdown is wanted, or somebody paused all that could carry the channel."""
        return shutdown.is_wanted() or health.is_paused(self.channel)


def deliver_due(channel: str) -> int:
    """Send all that is due on a channel, until nothing is or a stop is wanted; rows handled."""
    holder = f"{channel}:{uuid.uuid4().hex[:12]}"
    handled = 0
    via = channel_options(channel).via
    with leases.kept(holder), Batches(channel, holder) as batches, Carrier(via) as carrier:
        pace = Pace(channel)
        windows = Windows(*window_limits(carrier.alias), most=pace.window)
        run = _Run(channel, holder, batches, carrier, pace, windows)
        while not run.must_stop and (batch := batches.take()):
            handled += _deliver_batch(batch, run)
    return handled


def _deliver_batch(batch: Batch, run: _Run) -> int:
    """Send one leased batch. What is left when the mailer is down waits, without an attempt."""
    handled = 0
    run.carrier.try_again()
    gate = Gate([one for parcel in batch for one in parcel], run.carrier.alias)
    for parcels in run.windows.cut(batch):
        if run.carrier.is_down:
            run.batches.forget()
            leases.postpone(run.holder, settings.MAIL_RETRY_SECONDS)
            break
        if run.must_stop or not run.pace.take(len(parcels)):
            break
        handled += sum(map(len, parcels))
        run.windows.took(len(parcels), _deliver_window(parcels, gate, run))
    return handled


def _deliver_window(parcels: list[Parcel], gate: Gate, run: _Run) -> float:
    """Commit `sending`, send, commit the outcomes; seconds spent sending."""
    try:
        built = _begin(parcels, gate, run)
    except (OperationalError, InterfaceError) as error:
        _put_off(parcels, error, run.holder)
        return 0.0
    started = time.monotonic()
    outcomes = run.carrier.send(built)
    seconds = time.monotonic() - started
    handle(record([(one, outcomes[one.pk]) for _, parcel in built for one in parcel], run.holder))
    return seconds


def _begin(parcels: list[Parcel], gate: Gate, run: _Run) -> list[Built]:
    """Build what may go out and mark it as in flight; what is really ours of it.

    What must not be sent is skipped, and what can't be built has failed: each by itself.
    """
    deliveries = [one for parcel in parcels for one in parcel]
    found = gate.check(len(deliveries))
    parcels = [[one for one in parcel if one.pk not in found.ids] for parcel in parcels]
    built, errors = run.carrier.build([parcel for parcel in parcels if parcel])
    ids = [one.pk for _, parcel in built for one in parcel]
    with transaction.atomic(durable=True):
        ended = skip(deliveries, found.skip, run.holder)
        ended += fail(deliveries, found.fail | errors, run.holder)
        ours = Delivery.objects.held_by(run.holder).queued().filter(pk__any_of=ids)
        # Whoever paused or cancelled a message meanwhile finds nothing more of it sent.
        stopped = Message.objects.stopped().filter(pk__in={one.message_id for one in deliveries})
        begun = set(
            ours.exclude(message__in=stopped).update_returning(
                state=Delivery.State.SENDING,
                attempts=F("attempts") + 1,
                leased_until=leases.lease_end(),
            )
        )
        if len(begun) < len(ids):  # else a lease ran out, and somebody else has these
            leases.give_back(run.holder, [pk for pk in ids if pk not in begun])
    announce(ended)
    for one in deliveries:
        one.attempts += one.pk in begun
    return list(_still_ours(built, begun))


def _still_ours(built: Sequence[Built], begun: set[int]) -> Iterator[Built]:
    """What was begun of what was built; a grouped mail is built again without those who left it."""
    for mail, parcel in built:
        left = [one for one in parcel if one.pk in begun]
        if len(left) == len(parcel):
            yield mail, parcel
        elif left:
            yield build(left[0].message, left), left


def _put_off(parcels: list[Parcel], error: Exception, holder: str) -> None:
    """The database was away while a window was prepared: nothing was sent, and no attempt counts.

    The rows come back at different times, so that one whose hook always ends like this soon keeps
    no other from being sent.
    """
    logger.warning("The database is away (%s); a window waits.", type(error).__name__)
    connection.close_if_unusable_or_obsolete()
    ids = [one.pk for parcel in parcels for one in parcel]
    random.shuffle(ids)
    for place in range(PUT_OFF_STEPS):
        leases.give_back(holder, ids[place::PUT_OFF_STEPS], PUT_OFF_SECONDS * (place + 1))
