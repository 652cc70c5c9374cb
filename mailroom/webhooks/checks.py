"""A provider that reports by webhook, and nothing to verify its reports by."""

from typing import Any

from django.core import checks

from mailroom.webhooks.sources import configured, missing_secret


def register() -> None:
    checks.register(every_webhook_is_verified)


def webhook_faults() -> list[str]:
    """A sentence for each provider in MAILERS whose reports could not be told from forged ones."""
    return [
        f"{variable} is missing: {name} reports bounces and complaints by webhook, and without it "
        "nobody could tell its posts from forged ones."
        for name in configured()
        if (variable := missing_secret(name))
    ]


def every_webhook_is_verified(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    """mailroom.E008: without feedback, bounces and complaints go on unseen."""
    hint = "For WEBHOOK_SECRET: user:password, also put into the webhook's URL; docs/feedback.md."
    return [checks.Error(fault, hint=hint, id="mailroom.E008") for fault in webhook_faults()]
