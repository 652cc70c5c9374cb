"""The engine: claim a batch, send it window by window, write down every outcome.

A *window* is what goes out in about a tenth of a second, at most 100 rows, or one call to an API
that takes many. Only a window's rows are ever `sending` without an outcome, so that is all a kill
-9 can leave in doubt.
"""

import time
import uuid
from collections.abc import Iterator, Sequence
from itertools import groupby

from django.conf import settings
from django.db import transaction
from django.db.models import F

from mailroom import health, leases, shutdown
from mailroom.carrier import Carrier
from mailroom.channels import channel_options
from mailroom.gate import skip_reasons
from mailroom.models import Delivery, Message
from mailroom.opening import window_limits
from mailroom.pace import Pace
from mailroom.record import record, skip

WINDOW_SECONDS = 0.1

Parcel = list[Delivery]  # what shares one call to a provider


def deliver_due(channel: str) -> int:
    """Send all that is due on a channel, until nothing is or a stop is wanted; rows handled."""
    holder = f"{channel}:{uuid.uuid4().hex[:12]}"
    handled = 0
    with leases.kept(holder), Carrier(channel_options(channel).via) as carrier:
        while not _must_stop(channel) and (ids := leases.claim(channel, holder)):
            handled += _deliver_batch(ids, channel, holder, carrier)
    return handled


def _must_stop(channel: str) -> bool:
    """True once a shutdown is wanted, or somebody paused all that could carry the channel."""
    return shutdown.is_wanted() or health.is_paused(channel)


def _deliver_batch(ids: Sequence[int], channel: str, holder: str, carrier: Carrier) -> int:
    """Send one leased batch. What is left when the mailer is down waits, without an attempt."""
    handled = 0
    pace = Pace(channel)
    carrier.try_again()
    for window in _windows(_parcels(ids), *_limits(carrier, pace)):
        if carrier.is_down:
            leases.postpone(holder, settings.MAIL_RETRY_SECONDS)
            break
        if _must_stop(channel) or not pace.take(len(window.parcels)):
            break
        handled += sum(map(len, window.parcels))
        window.took(_deliver_window(window.parcels, carrier, holder))
    return handled


def _limits(carrier: Carrier, pace: Pace) -> tuple[int, int]:
    """How many rows a window has at least and at most."""
    least, most = window_limits(carrier.alias)
    most = min(most, pace.window or most)
    return min(least, most), most


class _Window:
    """The parcels of one window, and how long they took: the next one is as large as fits."""

    def __init__(self, size: int, smallest: int, largest: int) -> None:
        self.size = max(smallest, min(size, largest))
        self.smallest, self.largest = smallest, largest
        self.parcels: list[Parcel] = []

    def took(self, seconds: float) -> None:
        fits = int(len(self.parcels) * WINDOW_SECONDS / max(seconds, 0.0001))
        self.size = max(self.smallest, min(self.largest, fits, self.size * 2))


def _windows(parcels: Sequence[Parcel], smallest: int, largest: int) -> Iterator[_Window]:
    size, position = 5, 0
    while position < len(parcels):
        window = _Window(size, smallest, largest)
        while position < len(parcels) and sum(map(len, window.parcels)) < window.size:
            window.parcels.append(parcels[position])
            position += 1
        yield window
        size = window.size


def _parcels(ids: Sequence[int]) -> list[Parcel]:
    found = Delivery.objects.in_bulk(ids)
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


def _deliver_window(parcels: list[Parcel], carrier: Carrier, holder: str) -> float:
    """Commit `sending`, send, commit the outcomes; seconds spent sending."""
    parcels = _begin(parcels, carrier.alias, holder)
    started = time.monotonic()
    outcomes = carrier.send(parcels)
    seconds = time.monotonic() - started
    record([(one, outcomes[one.pk]) for parcel in parcels for one in parcel], holder)
    return seconds


def _begin(parcels: list[Parcel], alias: str, holder: str) -> list[Parcel]:
    """Skip what must not go out and mark the rest as in flight; what is really ours of it."""
    deliveries = [one for parcel in parcels for one in parcel]
    reasons = skip_reasons(deliveries, alias)
    with transaction.atomic(durable=True):
        skip(deliveries, reasons, holder)
        ids = [one.pk for one in deliveries if one.pk not in reasons]
        ours = Delivery.objects.held_by(holder).filter(pk__in=ids)
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
