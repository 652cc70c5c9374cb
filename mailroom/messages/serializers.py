"""Freeze an email into its rows, and rebuild it from them as MIME that mail programs can read."""

import base64
import email
import email.policy
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from email.headerregistry import HeaderRegistry, UnstructuredHeader
from email.message import Message as MIMEMessage
from email.message import MIMEPart
from email.utils import format_datetime
from typing import Any

from django.core.mail import EmailAlternative, EmailAttachment, EmailMessage, EmailMultiAlternatives
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from mailroom.addresses import address_key
from mailroom.config.channels import is_account
from mailroom.messages.merge_fields import fill_slots
from mailroom.models import Delivery, Message
from mailroom.signing import return_path, signature_of

# Attributes that Anymail reads from a message (its documentation, "Anymail additions").
ANYMAIL_ATTRIBUTES = (
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
        "extras": {
            n: _freeze(getattr(message, n)) for n in ANYMAIL_ATTRIBUTES if hasattr(message, n)
        },
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
    raise TypeError(f"A queued email can't hold a {type(value).__name__}: {value!r:.80}")


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


# -- MIME, where Python's own folding would spoil it -------------------------------------------

LINE = 78  # RFC 5322 section 2.1.1: what a line should not exceed
LONGEST_LINE = 998  # RFC 5322 section 2.1.1: what it must not, without the line end
# People read these: a mail program shows them decoded (RFC 2047). Any other header is for programs
# (In-Reply-To, References, List-*, Feedback-ID, a provider's own): its words stay as they are.
READ = {"subject", "comments", "keywords"}


class Mail(EmailMultiAlternatives):
    """Writes the headers that are for programs in their own words.

    Python turns a word that is longer than a line into `=?utf-8?q?…?=`. A mailbox provider then
    finds no link to unsubscribe by, and a mail program no message that this one answers.
    """

    def message(self, *, policy: Any = email.policy.default) -> Any:
        return super().message(policy=policy.clone(header_factory=_headers))


def folded(name: str, text: str, linesep: str = "\r\n") -> str | None:
    """A header that is for programs, folded only between its words; None where that can't be.

    Links and names in List-* stay on one line for as long as that may be, since some programs read
    only the first. Others are folded as RFC 5322 section 2.2.3 asks, never before the first word.
    """
    if not (text.isascii() and text.isprintable()):
        return None
    line, lines = f"{name}:", []
    longest = LONGEST_LINE if name.lower().startswith("list-") else LINE
    for place, word in enumerate(text.split()):
        if place and len(line) + 1 + len(word) > longest:
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    if max(map(len, lines)) > LONGEST_LINE:
        return None
    return linesep.join([*lines, ""])


class _ForPrograms(UnstructuredHeader):
    def fold(self, *, policy: email.policy.EmailPolicy) -> str:
        whole = folded(self.name, str(self), policy.linesep)  # type: ignore[attr-defined]
        return whole or str(super().fold(policy=policy))  # type: ignore[misc]


_for_programs: Any = _ForPrograms
_headers = HeaderRegistry(default_class=_for_programs)
_headers.map_to_type("message-id", _for_programs)
for _name in READ:
    _headers.map_to_type(_name, UnstructuredHeader)  # type: ignore[arg-type]


# -- From rows to an email ----------------------------------------------------------------------

# Unicode's categories Cc, Zl, Zp and Cs: controls, line and paragraph separators, surrogates.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def build(
    message: Message, deliveries: Sequence[Delivery], values: Mapping[str, Any] | None = None
) -> Mail:
    """Return the email for deliveries that share one call to a provider.

    deliveries: one, or those of a grouped message that still wait. values: `personal_values` of
    the one, where they are at hand. Raises LookupError for a slot without a value.
    """
    first = deliveries[0]
    mail = frozen_mail(message)
    mail.extra_headers["Message-ID"] = first.message_id_header
    if message.to or message.cc or message.bcc:
        _address_visibly(mail, message, {address_key(one.address) for one in deliveries})
    else:
        _address_alone(mail, first, values_of(first) if values is None else values)
    _add_metadata(mail, first)
    mail.return_path = return_path_of(first)  # type: ignore[attr-defined]
    mail.channel = message.channel  # type: ignore[attr-defined]
    mail.route = first.route  # type: ignore[attr-defined]
    mail.last_tried_by = first.alias  # type: ignore[attr-defined]  # in an earlier attempt
    return mail


def return_path_of(delivery: Delivery) -> str:
    """The envelope sender of a delivery, "" for its From: a mail account may send as no other."""
    return "" if is_account(delivery.route) else return_path(delivery.pk)


def frozen_mail(message: Message) -> Mail:
    """The email as it was frozen, to nobody yet, with its slots."""
    mail = Mail(
        subject=message.subject,
        body=message.body,
        from_email=message.from_email,
        reply_to=message.reply_to,
        headers=headers_of(message),
    )
    thaw_content(mail, message.content)
    return mail


def headers_of(message: Message) -> dict[str, str]:
    """The headers of a frozen message, less its Message-ID, which is each delivery's own."""
    return {name: text for name, text in message.headers.items() if name.lower() != "message-id"}


def thaw_extras(mail: EmailMultiAlternatives, content: dict[str, Any], delivery: Delivery) -> None:
    """Put on `mail` what a frozen message holds for Anymail, and our delivery's id."""
    thaw_content(mail, {"extras": content.get("extras", {})})
    _add_metadata(mail, delivery)


def _add_metadata(mail: EmailMultiAlternatives, delivery: Delivery) -> None:
    mail.metadata = {**getattr(mail, "metadata", {}), **metadata_of(delivery)}  # type: ignore[attr-defined]


def metadata_of(delivery: Delivery) -> dict[str, str]:
    """Our id for the provider to repeat in its reports; signed where it means one recipient."""
    details = {"delivery": str(delivery.pk)}
    return (
        details
        if delivery.message.is_grouped
        else {**details, "signature": signature_of(delivery.pk)}
    )


def _address_visibly(mail: EmailMultiAlternatives, message: Message, waiting: set[str]) -> None:
    """To, Cc and Bcc as they were, less those who have it already: nobody must get it twice.

    Of several spellings of one address the first stays: an API sends to each that it is given.
    """
    left = set(waiting)
    for name in ("to", "cc", "bcc"):
        texts = []
        for text in getattr(message, name):
            if (key := address_key(text)) in left:
                left.remove(key)
                texts.append(text)
        setattr(mail, name, texts)


def _address_alone(
    mail: EmailMultiAlternatives, delivery: Delivery, values: Mapping[str, Any]
) -> None:
    mail.to = [mailbox(delivery.name, delivery.address)]
    mail.subject = fill_slots(str(mail.subject), values)
    mail.body = fill_slots(str(mail.body), values, html=mail.content_subtype == "html")
    mail.alternatives = [
        EmailAlternative(fill_slots(str(content), values, html=mimetype == "text/html"), mimetype)
        for content, mimetype in mail.alternatives
    ]
    mail.extra_headers = {
        name: fill_slots(value, values) for name, value in mail.extra_headers.items()
    }


def values_of(delivery: Delivery) -> dict[str, Any]:
    """What fills the slots of a delivery: its own small values, and what its type's hook adds."""
    hook = delivery.message.type_entry.personal
    more = import_string(hook)(delivery) if hook else {}
    if not isinstance(more, Mapping):
        raise TypeError(f"{hook} must return a dict of values, not {more!r:.80}")
    return {"name": delivery.name, "address": delivery.address, **delivery.values, **more}


def mailbox(name: str, address: str) -> str:
    """`"Name" <address>`, quoted as RFC 5322 section 3.4 asks; Django encodes what is not ASCII.

    What a header can't hold is left out of the name: line ends, other control characters, lone
    surrogates.
    """
    name = " ".join(UNPRINTABLE.sub(" ", name).split())
    if not name:
        return address
    quoted = name.replace("\\", r"\\").replace('"', r"\"")
    return f'"{quoted}" <{address}>'
