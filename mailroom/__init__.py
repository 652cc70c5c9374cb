"""An outbox for Django's email: `INSTALLED_APPS += ["mailroom"]`, and MAILERS by `mailers`."""

from collections.abc import Mapping
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured

if django.VERSION < (6, 1):
    raise ImproperlyConfigured(
        f"django-mailroom needs Django 6.1 or newer, and this is Django {django.get_version()}."
    )


def mailers(
    default: str | Mapping[str, Any] = "console:", **channels: str | Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return a value for MAILERS: one channel, an outbox in front of a provider, for each keyword.

    Each value is a mailer URL, or a channel's options with the URL in "via":
    `mailers("smtp://user:password@host", news={"via": "postmark://TOKEN", "rate": 10})`.
    The URLs are read when the app is ready. System checks and the worker report what is wrong with
    them, so that settings can be imported where a URL is still missing.
    """
    return {
        alias: {
            "BACKEND": "mailroom.backends.outbox.EmailBackend",
            "OPTIONS": dict(options) if isinstance(options, Mapping) else {"via": options},
        }
        for alias, options in {"default": default, **channels}.items()
    }
