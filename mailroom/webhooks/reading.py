"""An event as Anymail tells it becomes a row of ours.

Anymail says `bounced` for hard and soft bounces alike: the difference stands in each provider's own
words, and what is not known to be hard is soft, since a hard one stops all mail.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from django.conf import settings
from django.utils import timezone

from mailroom.models import Event

Kind = Event.Kind

KINDS = {
    EventType.QUEUED: Kind.ACCEPTED,
    EventType.SENT: Kind.ACCEPTED,
    EventType.DEFERRED: Kind.DEFERRED,
    EventType.DELIVERED: Kind.DELIVERED,
    EventType.COMPLAINED: Kind.COMPLAINED,
    EventType.UNSUBSCRIBED: Kind.UNSUBSCRIBED,
    EventType.REJECTED: Kind.REJECTED,
    EventType.FAILED: Kind.REJECTED,
}
# A refusal because of what the provider knows of the address from an earlier mail.
KNOWN_BEFORE = {
    RejectReason.INVALID: Kind.HARD_BOUNCE,
    RejectReason.BOUNCED: Kind.HARD_BOUNCE,
    RejectReason.SPAM: Kind.COMPLAINED,
    RejectReason.UNSUBSCRIBED: Kind.UNSUBSCRIBED,
}

HARD: dict[str, Callable[[dict[str, Any]], bool]] = {
    "Amazon SES": lambda e: e["bounce"]["bounceType"] == "Permanent",
    "Brevo": lambda e: e["event"] in {"hard_bounce", "invalid_email"},
    "MailerSend": lambda e: e["data"]["type"] == "hard_bounced",
    "Mailgun": lambda e: (
        e["event-data"]["severity"] == "permanent"
        and e["event-data"].get("reason") in {"bounce", "suppress-bounce"}
    ),
    "Mailjet": lambda e: bool(e["hard_bounce"]),
    "Mailtrap": lambda e: e["event"] == "bounce",
    "Mandrill": lambda e: e["event"] == "hard_bounce",
    "Postal": lambda e: e["payload"].get("status") == "HardFail",
    "Postmark": lambda e: e["Type"] == "HardBounce",
    "Resend": lambda e: e["data"]["bounce"]["type"] == "Permanent",
    "SendGrid": lambda e: e["type"] == "bounce" and str(e.get("status", "5")).startswith("5"),
    # Invalid recipient, and no recipient; the other classes may pass.
    "SparkPost": lambda e: _sparkpost(e).get("bounce_class") in {"10", "30"},
    "Unisender Go": lambda e: e["event_data"]["status"] == "hard_bounced",
}


def _sparkpost(event: dict[str, Any]) -> dict[str, Any]:
    return next(iter(event["msys"].values()))


def read(event: AnymailTrackingEvent, esp_name: str) -> Event | None:
    """The row of an event, not saved; None for one that has no effect here.

    Opens and clicks are of no concern, and an event that is older than all that is kept can't be
    told from one that was seen before.
    """
    kind = _kind(event, esp_name)
    happened_at = event.timestamp or timezone.now()
    if kind is None or happened_at < timezone.now() - timedelta(days=settings.MAIL_RETENTION_DAYS):
        return None
    told = str((event.metadata or {}).get("delivery", ""))
    return Event(
        provider=esp_name,
        event_id=_event_id(event),
        kind=kind,
        address=_storable(event.recipient).strip().lower()[:320],
        description=_words(event),
        happened_at=min(happened_at, timezone.now()),
        told_delivery=int(told) if told.isdecimal() and len(told) < 19 else None,
        told_provider_id=_storable(event.message_id)[:200],
    )


def _kind(event: AnymailTrackingEvent, esp_name: str) -> str | None:
    if event.event_type == EventType.BOUNCED:
        return Kind.HARD_BOUNCE if _is_hard(event, esp_name) else Kind.SOFT_BOUNCE
    kind = KINDS.get(event.event_type)
    return KNOWN_BEFORE.get(event.reject_reason, kind) if kind == Kind.REJECTED else kind


def _is_hard(event: AnymailTrackingEvent, esp_name: str) -> bool:
    try:
        return HARD[esp_name](event.esp_event)
    except (KeyError, TypeError, AttributeError):
        return False


def _event_id(event: AnymailTrackingEvent) -> str:
    """What makes the event one: its id, where the provider has any, and whom it is about.

    SES tells of several recipients under one id; Brevo and Postmark have events without one.
    """
    if event.event_id:
        text = _storable(f"{event.event_id} {event.recipient or ''}").strip()
        return text if len(text) <= 200 else hashlib.sha256(text.encode()).hexdigest()
    parts = (event.event_type, event.message_id, event.recipient, event.timestamp)
    return hashlib.sha256(_storable("\n".join(map(str, parts))).encode()).hexdigest()


def _words(event: AnymailTrackingEvent) -> str:
    found = (str(text).strip() for text in (event.description, event.mta_response) if text)
    return _storable("\n".join(dict.fromkeys(found)))[:2000]


def _storable(text: object) -> str:
    """Without what no database takes: NUL, and half a character where a provider cut a text off."""
    return str(text or "").replace("\x00", "").encode(errors="replace").decode()
