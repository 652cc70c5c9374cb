"""The providers that report here, and how each proves who it is."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.conf import settings
from django.core.mail import mailers
from django.utils.module_loading import import_string

from mailroom.providers import REGISTERED, Provider


class Source(NamedTuple):
    """A provider's tracking view.

    view: its dotted path; Anymail need not be installed. key: the view's option for a signing key,
    "" where the provider signs nothing and is recognized by a secret in the webhook's URL (HTTP
    Basic, RFC 7617). either: the key or the secret is enough.
    """

    view: str
    key: str = ""
    either: bool = False


# By the name of Anymail's module, which is also the word in the webhook's path.
SOURCES = {
    "amazon_ses": Source("mailroom.webhooks.signatures.SNSTrackingWebhookView"),
    "brevo": Source("mailroom.webhooks.parsers.BrevoView"),
    "mailersend": Source(
        "anymail.webhooks.mailersend.MailerSendTrackingWebhookView", "signing_secret"
    ),
    "mailgun": Source("anymail.webhooks.mailgun.MailgunTrackingWebhookView", "webhook_signing_key"),
    "mailjet": Source("anymail.webhooks.mailjet.MailjetTrackingWebhookView"),
    "mailtrap": Source(
        "anymail.webhooks.mailtrap.MailtrapTrackingWebhookView", "tracking_secret", either=True
    ),
    "mandrill": Source("mailroom.webhooks.parsers.MandrillView", "webhook_key"),
    "postal": Source("anymail.webhooks.postal.PostalTrackingWebhookView", "webhook_key"),
    "postmark": Source("anymail.webhooks.postmark.PostmarkTrackingWebhookView"),
    "resend": Source(
        "mailroom.webhooks.signatures.SvixTrackingWebhookView", "signing_secret", either=True
    ),
    "sendgrid": Source(
        "mailroom.webhooks.parsers.SendGridView", "tracking_webhook_verification_key", either=True
    ),
    "sparkpost": Source("anymail.webhooks.sparkpost.SparkPostTrackingWebhookView"),
    "unisender_go": Source("mailroom.webhooks.parsers.UnisenderGoView", "api_key"),
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
    """A sentence for each provider in MAILERS whose reports could be forged."""
    why = "and without it forged requests could not be recognised"
    own = [
        f"WEBHOOK_SECRET is missing: {scheme} reports by webhook, {why}."
        for scheme, one in REGISTERED.items()
        if _reports_by_secret(one) and not settings.WEBHOOK_SECRETS
    ]
    return own + [
        f"{variable} is missing: {name} reports bounces and complaints by webhook, {why}."
        for name in configured()
        if (variable := missing_secret(name))
    ]


def _reports_by_secret(provider: type[Provider]) -> bool:
    """Whether a provider that is in use reports here, and is known by a secret in the URL."""
    is_used = any(entry.get("BACKEND") == provider.backend for entry in _all())
    signs = provider.is_genuine.__func__ is not Provider.is_genuine.__func__  # type: ignore[attr-defined]
    return is_used and provider.has_webhook() and not signs


def configured() -> list[str]:
    """The names of all providers in MAILERS that report by webhook."""
    paths = (entry.get("OPTIONS", {}).get("backend", entry.get("BACKEND", "")) for entry in _all())
    names = {path.split(".")[2] for path in paths if path.startswith("anymail.backends.")}
    return sorted(names & SOURCES.keys())


def views(name: str) -> Iterator[Any]:
    """The provider's view, once for each key that is good at this time; none without a secret.

    Two keys at a time let one be changed without losing what arrives meanwhile.
    """
    source = SOURCES[name]
    if missing_secret(name):
        return
    view = import_string(source.view)
    keys = settings.WEBHOOK_KEYS.get(name, []) if source.key else []
    for key in keys:
        yield view(webhook_secret=[], **{source.key: key})
    if not keys:
        yield view(webhook_secret=list(settings.WEBHOOK_SECRETS), **_more(name))


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
