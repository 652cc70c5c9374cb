"""The engine: claim a batch, send it window by window, write down every outcome.

A *window* is what goes out in about a tenth of a second, at most 100 rows, or one call to an API
that takes many. Only a window's rows are ever `sending` without an outcome, so that is all a kill
-9 can leave in doubt.
"""

import time
import uuid
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F

from mailroom import health, leases, shutdown
from mailroom.batches import Batch, Batches
from mailroom.carrier import Carrier
from mailroom.channels import channel_options
from mailroom.gate import Gate
from mailroom.models import Delivery
from mailroom.opening import window_limits
from mailroom.pace import Pace
from mailroom.record import record, skip
from mailroom.windows import Parcel, Windows


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
    parcels = _begin(parcels, gate, run.holder)
    started = time.monotonic()
    outcomes = run.carrier.send(parcels)
    seconds = time.monotonic() - started
    record([(one, outcomes[one.pk]) for parcel in parcels for one in parcel], run.holder)
    return seconds


def _begin(parcels: list[Parcel], gate: Gate, holder: str) -> list[Parcel]:
    """Skip what must not go out and mark the rest as in flight; what is really ours of it."""
    deliveries = [one for parcel in parcels for one in parcel]
    reasons = gate.reasons(len(deliveries))
    with transaction.atomic(durable=True):
        skip(deliveries, reasons, holder)
        ids = [one.pk for one in deliveries if one.pk not in reasons]
        ours = Delivery.objects.held_by(holder).filter(pk__any_of=ids)
        begun = ours.queued().update(
            state=Delivery.State.SENDING,
            attempts=F("attempts") + 1,
            leased_until=leases.lease_end(),
        )
        sending = set(ids)
        if begun != len(ids):  # a lease ran out, and somebody else has these
            sending = set(ours.filter(state=Delivery.State.SENDING).values_list("pk", flat=True))
    for one in deliveries:
        one.attempts += 1
    ready = ([one for one in parcel if one.pk in sending] for parcel in parcels)
    return [parcel for parcel in ready if parcel]
