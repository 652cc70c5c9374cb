"""System check: every email that allauth can send has a type, and so a channel and a template."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks

from accounts.emails import TYPES


def every_allauth_email_has_a_type(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    """accounts.E001: an email of an installed allauth app that would go nowhere."""
    return [
        checks.Error(
            f"allauth's email {prefix!r} has no type that is routed.",
            hint="Add it to TYPES in accounts/emails.py and its type to MESSAGE_TYPES.",
            obj=prefix,
            id="accounts.E001",
        )
        for prefix in sorted(set(allauth_emails()))
        if TYPES.get(prefix) not in settings.MESSAGE_TYPES
    ]


def allauth_emails() -> Iterator[str]:
    """Template prefixes of the emails that the installed apps of allauth ship."""
    installed = {config.label for config in apps.get_app_configs()}
    templates = Path(apps.get_app_config("account").path).parent / "templates"
    for path in templates.glob("*/email/*_subject.*"):
        if path.parts[-3] in installed:
            name = path.name.partition("_subject.")[0]
            yield f"{path.parts[-3]}/email/{name}"
