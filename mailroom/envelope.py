"""Out of the rows again: the e-mail that a delivery is."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.mail import EmailAlternative, EmailMultiAlternatives
from django.utils.module_loading import import_string

from mailroom.addresses import address_key
from mailroom.bounces.verp import return_path
from mailroom.channels import is_account
from mailroom.frozen import thaw_content
from mailroom.keyed import signature_of
from mailroom.mime import Mail
from mailroom.models import Delivery, Message
from mailroom.personal import fill

# Unicode's categories Cc, Zl, Zp and Cs: controls, line and paragraph separators, surrogates.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def build(
    message: Message, deliveries: Sequence[Delivery], values: Mapping[str, Any] | None = None
) -> Mail:
    """Return the e-mail for deliveries that share one call to a provider.

    deliveries: one, or those of a grouped message that still wait. values: `personal_values` of
    the one, where they are at hand. Raises LookupError for a slot without a value.
    """
    first = deliveries[0]
    mail = frozen_mail(message)
    mail.extra_headers["Message-ID"] = first.message_id_header
    if message.to or message.cc or message.bcc:
        _address_visibly(mail, message, {address_key(one.address) for one in deliveries})
    else:
        _address_alone(mail, first, personal_values(first) if values is None else values)
    _note(mail, first)
    mail.return_path = return_path_of(first)  # type: ignore[attr-defined]
    mail.channel = message.channel  # type: ignore[attr-defined]
    mail.route = first.route  # type: ignore[attr-defined]
    mail.had_by = first.alias  # type: ignore[attr-defined]  # in an earlier attempt
    return mail


def return_path_of(delivery: Delivery) -> str:
    """The envelope sender of a delivery, "" for its From: a mail account may send as no other."""
    return "" if is_account(delivery.route) else return_path(delivery.pk)


def frozen_mail(message: Message) -> Mail:
    """The e-mail as it was frozen, to nobody yet, with its slots."""
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
    _note(mail, delivery)


def _note(mail: EmailMultiAlternatives, delivery: Delivery) -> None:
    mail.metadata = {**getattr(mail, "metadata", {}), **metadata_of(delivery)}  # type: ignore[attr-defined]


def metadata_of(delivery: Delivery) -> dict[str, str]:
    """Our id for the provider to repeat in its reports; signed where it means one recipient."""
    told = {"delivery": str(delivery.pk)}
    return told if delivery.message.is_grouped else {**told, "signature": signature_of(delivery.pk)}


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
    mail.subject = fill(str(mail.subject), values)
    mail.body = fill(str(mail.body), values, html=mail.content_subtype == "html")
    mail.alternatives = [
        EmailAlternative(fill(str(content), values, html=mimetype == "text/html"), mimetype)
        for content, mimetype in mail.alternatives
    ]
    mail.extra_headers = {name: fill(value, values) for name, value in mail.extra_headers.items()}


def personal_values(delivery: Delivery) -> dict[str, Any]:
    """What fills the slots of a delivery: its own small values, and what its type's hook adds."""
    hook = delivery.message.row.personal
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
