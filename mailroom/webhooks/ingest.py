"""From a verified post to rows: each event is stored once, also one that nobody could read."""

import hashlib
import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from anymail.exceptions import AnymailError
from anymail.signals import AnymailTrackingEvent, EventType, tracking
from anymail.webhooks.base import AnymailCoreWebhookView
from django.http import HttpRequest, HttpResponseBase

from mailroom.addresses import address_key
from mailroom.models import Event
from mailroom.models.queries import row_id
from mailroom.signing import is_signed
from mailroom.webhooks import events, reports

MALFORMED_POST = (AnymailError, *reports.MALFORMED)


class _Collector(list[AnymailTrackingEvent]):
    """Takes the place of Anymail's signal, so that a batch is stored by one statement."""

    def send(self, sender: object, event: Any, esp_name: str) -> None:
        if isinstance(event, AnymailTrackingEvent):  # and no email that came in
            self.append(event)


def take(view: AnymailCoreWebhookView, request: HttpRequest) -> HttpResponseBase:
    """Verify and parse a post with Anymail's view, and store its events.

    An element of a batch that cannot be read is stored as unknown, and costs the others nothing.
    Raises one of MALFORMED where the body as a whole cannot be read.
    """
    collected = _Collector()
    dynamic: Any = view
    dynamic.signal = collected
    for name, instead in PARSERS.items():
        if parse := getattr(view, name, None):
            setattr(view, name, partial(_or_unknown, parse, instead, collected))
    view.setup(request)
    response = view.dispatch(request)
    store_events(collected, dynamic.esp_name)
    return response


# Anymail's methods that read one element, and what they return instead where they fail.
PARSERS: dict[str, Any] = {
    "esp_to_anymail_event": None,
    "esp_to_anymail_events": (),
    "unwrap_event": (None, None, None),
}


def _or_unknown(parse: Callable[..., Any], instead: Any, collected: _Collector, *args: Any) -> Any:
    try:
        return parse(*args)
    except MALFORMED_POST as error:
        raw = args[-1] if isinstance(args[-1], dict) else args[0]
        collected.append(_unreadable(raw, error))
        return instead


def _unreadable(raw: Any, error: Exception) -> AnymailTrackingEvent:
    """An event for an element of an unknown shape. Only names of its fields are kept, no values."""
    text = json.dumps(raw, sort_keys=True, default=str)
    fields = ", ".join(map(str, raw)) if isinstance(raw, dict) else type(raw).__name__
    return AnymailTrackingEvent(
        event_type=EventType.UNKNOWN,
        event_id=f"unreadable {hashlib.sha256(text.encode(errors='replace')).hexdigest()}",
        esp_event=raw,
        description=f"Could not be read ({type(error).__name__}). Its fields: {fields}",
    )


def store_event(sender: object, event: AnymailTrackingEvent, esp_name: str, **kwargs: Any) -> None:
    """Store an event of Anymail's tracking signal: a project's own webhook view may send it."""
    store_events([event], esp_name)


def connect() -> None:
    tracking.connect(store_event, dispatch_uid="mailroom-keep-event")


def store_events(collected: Iterable[AnymailTrackingEvent], provider: str) -> None:
    """Store events, each once however often it is posted. A worker acts on them later."""
    reports.keep([row for event in collected if (row := event_row(event, provider))])


def event_row(event: AnymailTrackingEvent, provider: str) -> Event | None:
    """The row of an event, not saved; None for opens and clicks, which are not stored."""
    name = _name(event, provider)
    kind = events.event_kind(provider, name, _reply(event))
    if kind is None:
        return None
    words = _words(event)
    if kind == Event.Kind.UNKNOWN:
        words = f"{name}\n{words}".strip()
    metadata = _metadata(event)
    delivery_id = str(metadata.get("delivery", ""))
    return Event(
        provider=provider,
        event_id=_event_id(event, name),
        kind=kind,
        address=_address(event),
        description=reports.storable(words)[:2000],
        happened_at=reports.past(event.timestamp),
        told_delivery=row_id(delivery_id),
        is_signed=is_signed(delivery_id, str(metadata.get("signature", ""))),
        told_provider_id=reports.storable(event.message_id)[:200],
    )


def _name(event: AnymailTrackingEvent, provider: str) -> str:
    if provider in events.EVENT_NAMES:
        return events.event_name(provider, event.esp_event)
    reason = event.reject_reason if event.event_type == EventType.REJECTED else ""
    return f"{event.event_type} {reason or ''}".strip()


def _metadata(event: AnymailTrackingEvent) -> dict[str, Any]:
    return event.metadata if isinstance(event.metadata, dict) else {}


def _reply(event: AnymailTrackingEvent) -> str:
    """The SMTP reply that an event quotes, with its status where that has a field of its own."""
    raw = event.esp_event if isinstance(event.esp_event, dict) else {}
    status: list[Any] = [raw.get("status"), raw.get("response_code")]  # SendGrid, Mailtrap
    data = raw.get("event-data")
    if isinstance(data, dict) and isinstance(data.get("delivery-status"), dict):  # Mailgun
        status_details = data["delivery-status"]
        status = [status_details.get("enhanced-code"), status_details.get("code")]
    parts = [*status, event.mta_response, event.description]
    return " ".join(str(part) for part in parts if part)


def _address(event: AnymailTrackingEvent) -> str:
    """The key of the address that an event is about, however the provider spells it."""
    recipient = event.recipient
    if not recipient and isinstance(event.esp_event, dict):
        data = event.esp_event.get("data")
        sources = [event.esp_event, data if isinstance(data, dict) else {}]
        recipient = next((one["email"] for one in sources if isinstance(one.get("email"), str)), "")
    return address_key(reports.storable(recipient))[:320]


def _event_id(event: AnymailTrackingEvent, name: str) -> str:
    """What makes the event one: its id, where the provider has any, and whom it is about.

    SES reports several recipients under one id; Brevo and Postmark have events without one. Mailgun
    signs each repetition anew, so the token that Anymail takes for an id is none.
    """
    event_id = event.event_id
    raw = event.esp_event
    if isinstance(raw, dict) and isinstance(raw.get("event-data"), dict):
        own = raw["event-data"]
        event_id = f"{own['id']} {own.get('timestamp')}" if own.get("id") else event_id
    parts: tuple[object, ...]
    if event_id:
        parts = (event_id, _address(event))  # hashed, or the address would outlive its erasure
    else:
        parts = (name, event.message_id, event.recipient, event.timestamp)
    return hashlib.sha256(reports.storable("\n".join(map(str, parts))).encode()).hexdigest()


def _words(event: AnymailTrackingEvent) -> str:
    found = (str(text).strip() for text in (event.description, event.mta_response) if text)
    return "\n".join(dict.fromkeys(found))
