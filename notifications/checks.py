"""System check: each kind has its template and, where it mails, a routed message type."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.template import TemplateDoesNotExist
from django.template.loader import get_template

from notifications.kinds import KINDS, Delivery, Kind


def every_kind_is_whole(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    """notifications.E001: no template; E002: it mails, and its message type has no row."""
    return [fault for kind in KINDS.values() for fault in _faults(kind)]


def _faults(kind: Kind) -> Iterator[checks.CheckMessage]:
    try:
        get_template(kind.template)
    except TemplateDoesNotExist:
        text = f"The kind {kind.key!r} has no template {kind.template}."
        yield checks.Error(text, obj=kind.key, id="notifications.E001")
    mails = bool(kind.message_type) or kind.default is Delivery.INSTANT
    if mails and kind.message_type not in settings.MESSAGE_TYPES:
        text = f"The kind {kind.key!r} mails, but {kind.message_type!r} is not in MESSAGE_TYPES."
        yield checks.Error(text, obj=kind.key, id="notifications.E002")
