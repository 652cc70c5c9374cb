"""Webhooks of Postmark and Mailgun: their payloads, their signatures, and posting them."""

import base64
import hashlib
import hmac
import json
import logging
import queue
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

import requests

from sandbox.accounts import Account

logger = logging.getLogger(__name__)

NO_MAILBOX = "550 5.1.1 The email account that you tried to reach does not exist."
MAILBOX_FULL = "552 5.2.2 The recipient's mailbox is full."
GREYLISTED = "451 4.7.1 Greylisted, try again later."
# Providers repeat a post for hours or days; here somebody watches.
RETRY_SECONDS = (0.5, 2, 5, 15)


@dataclass(frozen=True)
class ProviderEvent:
    """What happened to an email.

    name: the provider's own words, as in `mailroom.webhooks.events`, for instance
    `failed permanent bounce`. message_id: the provider's. metadata: what the sender attached.
    """

    name: str
    address: str
    message_id: str
    metadata: dict[str, str] = field(default_factory=dict)
    reply: str = NO_MAILBOX
    id: str = field(default_factory=lambda: uuid4().hex)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


# What happens to an email that was accepted, by the recipient's persona: names of events and the
# SMTP reply that they quote.
Course = list[tuple[str, str]]
COURSES: dict[str, dict[str, Course]] = {
    "postmark": {
        "": [("Delivery", "")],
        "bounce": [("Bounce HardBounce", NO_MAILBOX)],
        "soft-bounce": [("Bounce SoftBounce", MAILBOX_FULL)],
        "complaint": [("Delivery", ""), ("SpamComplaint", "")],
        "deferred": [("Bounce Transient", GREYLISTED), ("Delivery", "")],
    },
    "mailgun": {
        "": [("delivered", "")],
        "bounce": [("failed permanent bounce", NO_MAILBOX)],
        "soft-bounce": [("failed permanent generic", MAILBOX_FULL)],
        "complaint": [("delivered", ""), ("complained", "")],
        "deferred": [("failed temporary generic", GREYLISTED), ("delivered", "")],
    },
}


class WebhookPost(NamedTuple):
    """An HTTP request to a webhook."""

    body: bytes
    headers: dict[str, str]
    content_type: str = "application/json"


def postmark_event(event: ProviderEvent) -> dict[str, Any]:
    """Build Postmark's payload: https://postmarkapp.com/developer/webhooks/bounce-webhook ff."""
    kind, _, detail = event.name.partition(" ")
    payload: dict[str, Any] = {
        "RecordType": kind,
        "MessageID": event.message_id,
        "Metadata": event.metadata,
        "ServerID": 23,
        "MessageStream": "outbound",
        "Tag": "",
    }
    if kind == "Delivery":
        return payload | {
            "Recipient": event.address,
            "DeliveredAt": event.at.isoformat(),
            "Details": "smtp;250 2.0.0 OK",
        }
    if kind in {"Open", "Click"}:
        return payload | {"Recipient": event.address, "ReceivedAt": event.at.isoformat()}
    if kind == "SubscriptionChange":
        return payload | {
            "Recipient": event.address,
            "ChangedAt": event.at.isoformat(),
            "Origin": "Recipient",
            "SuppressSending": bool(detail),
            "SuppressionReason": detail or None,
        }
    return payload | {
        "ID": int(hashlib.sha256(event.id.encode()).hexdigest()[:10], 16),
        "Type": detail or ("SpamComplaint" if kind == "SpamComplaint" else "Other"),
        "TypeCode": 1,
        "Email": event.address,
        "From": "news@example.org",
        "BouncedAt": event.at.isoformat(),
        "Description": "The server was unable to deliver your message.",
        "Details": f"smtp;{event.reply}" if event.reply else "",
        "Inactive": True,
        "CanActivate": True,
        "Subject": "Hello",
    }


def mailgun_event(event: ProviderEvent) -> dict[str, Any]:
    """Build the event of Mailgun's payload, which is to be signed.

    https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads
    """
    kind, severity, reason = [*event.name.split(), "", ""][:3]
    message_id = event.message_id.strip("<>")
    data: dict[str, Any] = {
        "event": kind,
        "id": event.id,
        "timestamp": event.at.timestamp(),
        "log-level": "error" if kind == "failed" else "info",
        "recipient": event.address,
        "user-variables": event.metadata,
        "tags": [],
        "flags": {"is-test-mode": False},
        "message": {"headers": {"message-id": message_id, "to": event.address}, "size": 1},
    }
    if kind == "failed":
        code, _, rest = event.reply.partition(" ")
        status = {"code": int(code), "enhanced-code": rest.split(" ")[0], "message": event.reply}
        data |= {"severity": severity, "reason": reason or "generic"}
        data["delivery-status"] = status | {"attempt-no": 1}
    if kind == "rejected":
        data["reject"] = {"reason": "Sandbox subdomains are for test purposes only"}
    return {"event-data": data}


def basic(payload: Any, secret: str) -> WebhookPost:
    """Authenticate a payload by `user:password` (RFC 7617), as Postmark does."""
    token = base64.b64encode(secret.encode()).decode()
    return WebhookPost(json.dumps(payload).encode(), {"Authorization": f"Basic {token}"})


def mailgun_signature(key: str) -> dict[str, str]:
    """Make Mailgun's signature: HMAC-SHA256 over a timestamp and a token of this post alone."""
    stamp, token = str(int(time.time())), secrets.token_hex(25)
    digest = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": stamp, "token": token, "signature": digest}


def post_of(kind: str, event: ProviderEvent, key: str) -> WebhookPost:
    """Build the request by which a provider (`postmark`, `mailgun`) reports an event."""
    if kind == "postmark":
        return basic(postmark_event(event), key)
    signed = {"signature": mailgun_signature(key), **mailgun_event(event)}
    return WebhookPost(json.dumps(signed).encode(), {})


class Poster:
    """Posts events one after the other in a thread, each again until the site takes it.

    delay: seconds from an email's acceptance to each of its events.
    """

    def __init__(self, delay: float = 0) -> None:
        self.delay = delay
        self._waiting: queue.Queue[tuple[float, Account, ProviderEvent]] = queue.Queue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Give up what was not posted yet."""
        self._stopping.set()
        self._thread.join(5)

    def report(self, account: Account, events: Sequence[ProviderEvent]) -> None:
        """Queue the events of an email's course; nothing where the site has no webhook."""
        if account.webhook_url:
            for number, event in enumerate(events, start=1):
                self._waiting.put((time.monotonic() + number * self.delay, account, event))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                due, account, event = self._waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            if self._stopping.wait(max(0.0, due - time.monotonic())):
                return
            self._post(account, event)

    def _post(self, account: Account, event: ProviderEvent) -> None:
        for wait in (*RETRY_SECONDS, None):
            made = post_of(account.kind, event, account.webhook_key)
            headers = {**made.headers, "Content-Type": made.content_type}
            try:
                url = account.webhook_url
                said = str(requests.post(url, made.body, headers=headers, timeout=10).status_code)
            except requests.RequestException as error:
                said = type(error).__name__
            if said in {"200", "406"}:  # 406 tells Mailgun not to repeat it
                return
            if wait is None or self._stopping.wait(wait):
                break
        logger.warning("%s could not post to %s: %s", account.alias, account.webhook_url, said)


def course(kind: str, persona: str, **fields: Any) -> list[ProviderEvent]:
    """The events of an accepted email to a recipient, in order. fields: of Event."""
    steps = COURSES[kind].get(persona) or COURSES[kind][""]
    return [ProviderEvent(name, reply=reply or NO_MAILBOX, **fields) for name, reply in steps]
