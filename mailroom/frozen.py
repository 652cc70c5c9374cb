"""E-mails to JSON and back: what was queued is sent, attachments and Anymail's extras included."""

import base64
import email
import email.policy
from datetime import date, datetime
from email.message import Message as MIMEMessage
from email.message import MIMEPart
from email.utils import format_datetime
from typing import Any

from django.core.mail import EmailAlternative, EmailAttachment, EmailMessage
from django.utils.functional import Promise

# Attributes that Anymail reads from a message (its documentation, "Anymail additions").
EXTRAS = (
    "envelope_sender",
    "esp_extra",
    "merge_data",
    "merge_global_data",
    "merge_headers",
    "merge_metadata",
    "metadata",
    "send_at",
    "tags",
    "template_id",
    "track_clicks",
    "track_opens",
)


def freeze_content(message: EmailMessage) -> dict[str, Any]:
    """What of a message has no column of its own, as JSON.

    Raises TypeError, naming the type, for a value that JSON can't hold.
    """
    content: dict[str, Any] = {
        "subtype": message.content_subtype,
        "encoding": message.encoding,
        "alternatives": [_freeze(list(a)) for a in getattr(message, "alternatives", [])],
        "attachments": [_freeze(_parts(a)) for a in message.attachments],
        "extras": {n: _freeze(getattr(message, n)) for n in EXTRAS if hasattr(message, n)},
    }
    return {name: value for name, value in content.items() if value}


def thaw_content(message: EmailMessage, content: dict[str, Any]) -> None:
    """Put back on `message` what `freeze_content` took from it."""
    message.content_subtype = content.get("subtype", "plain")
    message.encoding = content.get("encoding")
    message.alternatives = [  # type: ignore[attr-defined]
        EmailAlternative(*_thaw(a)) for a in content.get("alternatives", [])
    ]
    thawed = (_thaw(a) for a in content.get("attachments", []))
    message.attachments = [EmailAttachment(*a) if isinstance(a, list) else a for a in thawed]
    for name, value in content.get("extras", {}).items():
        setattr(message, name, _thaw(value))


def header_text(value: Any) -> str:
    """A header's value as text; a time, as Django allows in Date, by RFC 5322 section 3.3."""
    return format_datetime(value) if isinstance(value, datetime) else str(value)


def _parts(attachment: Any) -> Any:
    return attachment if isinstance(attachment, MIMEMessage) else list(attachment)


def _freeze(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes() | bytearray() | memoryview():
            return {"$bytes": base64.b64encode(value).decode()}
        case datetime() | date():
            return {"$" + type(value).__name__: value.isoformat()}
        case Promise():
            return str(value)
        case EmailMessage():
            return _freeze(value.message())
        case MIMEMessage():
            return {"$mime": base64.b64encode(value.as_bytes()).decode()}
        case dict():
            return {str(name): _freeze(item) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_freeze(item) for item in value]
    raise TypeError(f"A queued e-mail can't hold a {type(value).__name__}: {value!r:.80}")


def _thaw(value: Any) -> Any:
    match value:
        case {"$bytes": str(text)}:
            return base64.b64decode(text)
        case {"$datetime": str(text)}:
            return datetime.fromisoformat(text)
        case {"$date": str(text)}:
            return date.fromisoformat(text)
        case {"$mime": str(text)}:
            data = base64.b64decode(text)
            part: Any = MIMEPart  # typeshed wants an EmailMessage here
            return email.message_from_bytes(data, _class=part, policy=email.policy.default)
        case dict():
            return {name: _thaw(item) for name, item in value.items()}
        case list():
            return [_thaw(item) for item in value]
    return value
