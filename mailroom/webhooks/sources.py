"""The providers that may report here, and how each proves that it is the one."""

from collections.abc import Iterator
from typing import Any, NamedTuple

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
from anymail.webhooks.base import AnymailCoreWebhookView
from anymail.webhooks.brevo import BrevoTrackingWebhookView
from django.conf import settings
from django.core.mail import mailers

from mailroom.webhooks.sns import SNSTrackingWebhookView
from mailroom.webhooks.svix import SvixTrackingWebhookView


class Source(NamedTuple):
    """A provider's tracking view.

    key: the view's option for a signing key, "" where the provider signs nothing and a secret in
    the webhook's own URL (HTTP Basic, RFC 7617) is what proves it. either: both ways are good.
    """

    view: type[AnymailCoreWebhookView]
    key: str = ""
    either: bool = False


# By the name of Anymail's module, which is also the word in the webhook's path.
SOURCES = {
    "amazon_ses": Source(SNSTrackingWebhookView),
    "brevo": Source(BrevoTrackingWebhookView),
    "mailersend": Source(mailersend.MailerSendTrackingWebhookView, "signing_secret"),
    "mailgun": Source(mailgun.MailgunTrackingWebhookView, "webhook_signing_key"),
    "mailjet": Source(mailjet.MailjetTrackingWebhookView),
    "mailtrap": Source(mailtrap.MailtrapTrackingWebhookView, "tracking_secret", either=True),
    "mandrill": Source(mandrill.MandrillCombinedWebhookView, "webhook_key"),
    "postal": Source(postal.PostalTrackingWebhookView, "webhook_key"),
    "postmark": Source(postmark.PostmarkTrackingWebhookView),
    "resend": Source(SvixTrackingWebhookView, "signing_secret", either=True),
    "sendgrid": Source(
        sendgrid.SendGridTrackingWebhookView, "tracking_webhook_verification_key", either=True
    ),
    "sparkpost": Source(sparkpost.SparkPostTrackingWebhookView),
    "unisender_go": Source(unisender_go.UnisenderGoTrackingWebhookView, "api_key"),
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
