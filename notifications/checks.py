"""System check: each kind has its templates and, where it mails, a routed message type."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.template import TemplateDoesNotExist
from django.template.loader import get_template

from notifications.kinds import KINDS, NotificationKind, Way


def every_kind_is_whole(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    """Look at each kind: E001 lacks a template, E002 a message type, E003 has the wrong class."""
    return [fault for kind in KINDS.values() for fault in _faults(kind)]


def _faults(kind: NotificationKind) -> Iterator[checks.CheckMessage]:
    for template in _templates(kind):
        if not _exists(template):
            text = f"The kind {kind.key!r} has no template {template}."
            yield checks.Error(text, obj=kind.key, id="notifications.E001")
    if not (kind.message_type or kind.default is Way.INSTANT):
        return
    row = settings.MESSAGE_TYPES.get(kind.message_type)
    if row is None:
        text = f"The kind {kind.key!r} mails, but {kind.message_type!r} is not in MESSAGE_TYPES."
        yield checks.Error(text, obj=kind.key, id="notifications.E002")
    elif row.bulk == kind.required:
        text = f"The kind {kind.key!r}: what is required is transactional, what is not is bulk."
        yield checks.Error(text, obj=kind.key, id="notifications.E003")


def _templates(kind: NotificationKind) -> list[str]:
    mail = [f"emails/{kind.message_type.replace('.', '/', 1)}.html"] if kind.message_type else []
    return [kind.template, *mail]


def _exists(template: str) -> bool:
    try:
        get_template(template)
    except TemplateDoesNotExist:
        return False
    return True
