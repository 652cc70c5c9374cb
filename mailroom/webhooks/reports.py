"""Reports of providers become rows: each event is stored once, however often it is posted."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone

from mailroom.addresses import address_key
from mailroom.delivery import feedback
from mailroom.models import Event
from mailroom.models.queries import row_id
from mailroom.providers import Report
from mailroom.signing import is_signed

# What parsers raise for a body, or an element of it, of another shape than documented.
MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BadRequest,
    LookupError,
    MultiPartParserError,
    RecursionError,
    SuspiciousOperation,  # too large, or too many fields
    TypeError,
    UnreadablePostError,
    ValueError,
)


def store(reports: Iterable[Report], provider: str) -> None:
    """Store reports; a worker acts on them later. Raises ValueError for a kind that is none."""
    keep([event_of(report, provider) for report in reports])


def keep(rows: list[Event]) -> None:
    """Store events that are not stored yet."""
    Event.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    if rows:
        feedback.handle_soon()


def event_of(report: Report, provider: str) -> Event:
    """The row of a report, not saved. Raises ValueError for a kind that is none."""
    kind = Event.Kind(report.kind)
    if not isinstance(report.metadata, Mapping):
        raise TypeError("metadata must be a mapping")
    delivery_id = str(report.metadata.get("delivery", ""))
    address = address_key(storable(report.address))[:320]
    event_id = "\n".join(map(str, (report.event_id, address)))  # hashed: an address can be erased
    return Event(
        provider=provider,
        event_id=hashlib.sha256(storable(event_id).encode()).hexdigest(),
        kind=kind,
        address=address,
        description=storable(report.words)[:2000],
        happened_at=past(report.happened_at),
        told_delivery=row_id(delivery_id),
        is_signed=is_signed(delivery_id, str(report.metadata.get("signature", ""))),
        told_provider_id=storable(report.message_id)[:200],
    )


def past(at: Any) -> datetime:
    """A time that is aware and not in the future; now for what is no time."""
    now = timezone.now()
    if not isinstance(at, datetime):
        return now
    return min(at if timezone.is_aware(at) else timezone.make_aware(at), now)


def storable(text: object) -> str:
    """Without what no database takes: NUL, and half a character where a provider cut a text off."""
    return str(text or "").replace("\x00", "").encode(errors="replace").decode()
