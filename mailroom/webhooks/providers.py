"""The providers that report here, how each proves who it is, and gaps in Anymail's parsing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from anymail.signals import AnymailTrackingEvent
from anymail.webhooks import (
    mailersend,
    mailgun,
    mailjet,
    mailtrap,
    mandrill,
    postal,
    postmark,
    sendgrid,
    sparkpost,
    unisender_go,
)
from anymail.webhooks.base import AnymailBaseWebhookView, AnymailCoreWebhookView
from anymail.webhooks.brevo import BrevoTrackingWebhookView
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from django.core.mail import mailers
from django.http import HttpRequest

from mailroom.webhooks.signatures import SNSTrackingWebhookView, SvixTrackingWebhookView


class BrevoView(BrevoTrackingWebhookView):
    """Anymail's view, also for batched webhooks: a list of events."""

    def parse_events(self, request: HttpRequest) -> list[AnymailTrackingEvent]:
        told = json.loads(request.body.decode())
        if isinstance(told, dict) and isinstance(told.get("events"), list):
            told = told["events"]
        return [
            self.esp_to_anymail_event(one) for one in (told if isinstance(told, list) else [told])
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
        told: Any = self.parse_json_body(request)
        if "events_by_user" not in told:
            return [self.esp_to_anymail_event(told)]
        events = [one for user in told["events_by_user"] for one in user["events"]]
        return [
            self.esp_to_anymail_event(one.get("event_data") if isinstance(one, dict) else one)
            for one in events
        ]


class Source(NamedTuple):
    """A provider's tracking view.

    key: the view's option for a signing key, "" where the provider signs nothing and is recognized
    by a secret in the webhook's URL (HTTP Basic, RFC 7617). either: one of both is enough.
    """

    view: type[AnymailCoreWebhookView]
    key: str = ""
    either: bool = False


# By the name of Anymail's module, which is also the word in the webhook's path.
SOURCES = {
    "amazon_ses": Source(SNSTrackingWebhookView),
    "brevo": Source(BrevoView),
    "mailersend": Source(mailersend.MailerSendTrackingWebhookView, "signing_secret"),
    "mailgun": Source(mailgun.MailgunTrackingWebhookView, "webhook_signing_key"),
    "mailjet": Source(mailjet.MailjetTrackingWebhookView),
    "mailtrap": Source(mailtrap.MailtrapTrackingWebhookView, "tracking_secret", either=True),
    "mandrill": Source(MandrillView, "webhook_key"),
    "postal": Source(postal.PostalTrackingWebhookView, "webhook_key"),
    "postmark": Source(postmark.PostmarkTrackingWebhookView),
    "resend": Source(SvixTrackingWebhookView, "signing_secret", either=True),
    "sendgrid": Source(SendGridView, "tracking_webhook_verification_key", either=True),
    "sparkpost": Source(sparkpost.SparkPostTrackingWebhookView),
    "unisender_go": Source(UnisenderGoView, "api_key"),
}


def key_variable(name: str) -> str:
    """The environment variable that holds the signing keys of a provider."""
    return f"WEBHOOK_KEY_{name.upper()}"


def missing_secret(
    name: str, *, secrets: list[str] | None = None, keys: dict[str, list[str]] | None = None
) -> str:
    """The variable that a provider's webhook lacks, "" where it can be verified.

    secrets, keys: what is configured; by default what the settings say.
    """
    source = SOURCES[name]
    secrets = settings.WEBHOOK_SECRETS if secrets is None else secrets
    keys = settings.WEBHOOK_KEYS if keys is None else keys
    if source.key and keys.get(name):
        return ""
    if (not source.key or source.either) and secrets:
        return ""
    return key_variable(name) if source.key else "WEBHOOK_SECRET"


def webhook_faults() -> list[str]:
    """A sentence for each provider in MAILERS whose reports could not be told from forged ones."""
    return [
        f"{variable} is missing: {name} reports bounces and complaints by webhook, and without it "
        "nobody could tell its posts from forged ones."
        for name in configured()
        if (variable := missing_secret(name))
    ]


def configured() -> list[str]:
    """The names of all providers in MAILERS that report by webhook."""
    paths = (entry.get("OPTIONS", {}).get("backend", entry.get("BACKEND", "")) for entry in _all())
    names = {path.split(".")[2] for path in paths if path.startswith("anymail.backends.")}
    return sorted(names & SOURCES.keys())


def views(name: str) -> Iterator[AnymailCoreWebhookView]:
    """The provider's view, once for each key that is good at this time; none without a secret.

    Two keys at a time let one be changed without losing what arrives meanwhile.
    """
    source = SOURCES[name]
    if missing_secret(name):
        return
    keys = settings.WEBHOOK_KEYS.get(name, []) if source.key else []
    for key in keys:
        yield source.view(webhook_secret=[], **{source.key: key})
    if not keys:
        yield source.view(webhook_secret=list(settings.WEBHOOK_SECRETS), **_more(name))


def _more(name: str) -> dict[str, Any]:
    """SES: an SNS subscription is confirmed by Amazon's API, for the mailer's account."""
    if name != "amazon_ses":
        return {}
    for entry in _all():
        if entry.get("BACKEND", "").startswith("anymail.backends.amazon_ses."):
            params = dict(entry["OPTIONS"].get("client_params", {}))
            params.pop("endpoint_url", None)
            return {"client_params": params}
    return {}


def _all() -> list[dict[str, Any]]:
    return [mailers.settings[alias] for alias in mailers.settings]
