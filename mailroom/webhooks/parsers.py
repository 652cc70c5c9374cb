"""Anymail's tracking views, where its parsing has a gap."""

import json
from datetime import UTC, datetime
from typing import Any

from anymail.signals import AnymailTrackingEvent
from anymail.webhooks import mandrill, sendgrid, unisender_go
from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.brevo import BrevoTrackingWebhookView
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.http import HttpRequest


class BrevoView(BrevoTrackingWebhookView):
    """Anymail's view, also for batched webhooks: a list of events."""

    def parse_events(self, request: HttpRequest) -> list[AnymailTrackingEvent]:
        posted = json.loads(request.body.decode())
        if isinstance(posted, dict) and isinstance(posted.get("events"), list):
            posted = posted["events"]
        return [
            self.esp_to_anymail_event(one)
            for one in (posted if isinstance(posted, list) else [posted])
        ]

    def esp_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailTrackingEvent:
        event: AnymailTrackingEvent = super().esp_to_anymail_event(esp_event)
        seconds = esp_event.get("ts_event")
        if isinstance(seconds, int) and (not event.timestamp or event.timestamp.year < 2000):
            event.timestamp = datetime.fromtimestamp(seconds, UTC)  # some events lack milliseconds
        return event


class MandrillView(mandrill.MandrillCombinedWebhookView):
    """Anymail's view for events alone: it refuses a batch in which there is an incoming email."""

    def esp_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailTrackingEvent:
        event: AnymailTrackingEvent = self.mandrill_tracking_to_anymail_event(esp_event)
        return event


class SendGridView(sendgrid.SendGridTrackingWebhookView):
    """Anymail's view without its warning at every post that it no longer supports SendGrid."""

    def __init__(self, *, tracking_webhook_verification_key: str = "", **kwargs: Any) -> None:
        if key := tracking_webhook_verification_key:
            pem = f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----"
            self.webhook_verification_key = load_pem_public_key(pem.encode())
        self.warn_if_no_basic_auth = not key
        AnymailBaseWebhookView.__init__(self, **kwargs)


class UnisenderGoView(unisender_go.UnisenderGoTrackingWebhookView):
    """Anymail's view, for several users and for events about no email, too."""

    def parse_events(self, request: HttpRequest) -> list[AnymailTrackingEvent]:
        posted: Any = self.parse_json_body(request)
        if "events_by_user" not in posted:
            return [self.esp_to_anymail_event(posted)]
        events = [one for user in posted["events_by_user"] for one in user["events"]]
        return [
            self.esp_to_anymail_event(one.get("event_data") if isinstance(one, dict) else one)
            for one in events
        ]
