"""One call for many: providers that fill in each recipient's values themselves."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.core.mail import EmailAlternative, EmailMultiAlternatives
from django.utils.html import escape

from mailroom.bulk.merge_mail import PersonalMail
from mailroom.bulk.precompiled import has_control
from mailroom.messages.merge_fields import OPEN, fill_slots, slots_in
from mailroom.messages.serializers import frozen_mail, headers_of, mailbox, metadata_of
from mailroom.models import Message


class BatchCall(NamedTuple):
    """How a provider takes many in a call.

    most: recipients a call, at most. variable: how its texts name a recipient's value; `mark` is
    what every such name begins with, so that a text that holds it by chance is not sent this way.
    """

    most: int
    variable: str
    mark: str


# By Anymail's backend. The others either repeat the whole mail for each recipient, or read our
# texts as a template language of theirs, which an editor's words could then speak.
# Mailgun: "Batch sending" in its documentation.
BATCH_CALLS = {
    "anymail.backends.mailgun.EmailBackend": BatchCall(1000, "%recipient.{}%", "%recipient"),
}


def groups(mails: Sequence[PersonalMail], call: BatchCall) -> Iterable[list[PersonalMail]]:
    """The mails that can share a call, by message; what can't share one stands alone."""
    shared: dict[int, list[PersonalMail]] = {}
    slots: dict[int, set[str] | None] = {}  # None for a message that can't be sent this way
    for mail in mails:
        message = mail.delivery.message
        if message.pk not in slots:
            slots[message.pk] = _slots(message) if _is_without_mark(message, call) else None
        names = slots[message.pk]
        if names is not None and _is_plain(mail, names, call):
            shared.setdefault(message.pk, []).append(mail)
        else:
            yield [mail]
    yield from shared.values()


def batch_mail(mails: Sequence[PersonalMail], call: BatchCall) -> EmailMultiAlternatives:
    """The one email, in Anymail's terms, that the provider turns into one for each.

    mails: of one message, at least two.
    """
    message = mails[0].delivery.message
    names = _slots(message)
    in_text = {name: call.variable.format(name) for name in names}
    in_html = {name: call.variable.format(f"{name}_html") for name in names}
    mail = frozen_mail(message)
    mail.subject = fill_slots(str(mail.subject), in_text)
    mail.body = fill_slots(str(mail.body), in_html if mail.content_subtype == "html" else in_text)
    mail.alternatives = [
        EmailAlternative(
            fill_slots(str(content), in_html if kind == "text/html" else in_text), kind
        )
        for content, kind in mail.alternatives
    ]
    personal = {name for name, value in headers_of(message).items() if OPEN in value}
    mail.extra_headers = {k: v for k, v in mail.extra_headers.items() if k not in personal}
    mail.to = [mailbox(one.delivery.name, one.delivery.address) for one in mails]
    mail.merge_data = {one.delivery.address: _data(one, names) for one in mails}  # type: ignore[attr-defined]
    mail.merge_headers = {one.delivery.address: _headers(one, personal) for one in mails}  # type: ignore[attr-defined]
    mail.merge_metadata = {  # type: ignore[attr-defined]
        one.delivery.address: metadata_of(one.delivery) for one in mails
    }
    mail.channel = message.channel  # type: ignore[attr-defined]
    return mail


def _data(mail: PersonalMail, names: Iterable[str]) -> dict[str, str]:
    values = {name: str(mail.values[name]) for name in names}
    return values | {f"{name}_html": str(escape(value)) for name, value in values.items()}


def _headers(mail: PersonalMail, personal: Iterable[str]) -> dict[str, str]:
    headers = mail.delivery.message.headers
    own = {name: fill_slots(headers[name], mail.values) for name in personal}
    return {**own, "Message-ID": mail.delivery.message_id_header}


def _texts(message: Message) -> list[str]:
    alternatives = [str(content) for content, _ in message.content.get("alternatives", [])]
    return [message.subject, message.body, *alternatives, *map(str, message.headers.values())]


def _slots(message: Message) -> set[str]:
    return {name for text in _texts(message) for name in slots_in(text)}


def _is_without_mark(message: Message, call: BatchCall) -> bool:
    return not any(call.mark in text for text in _texts(message))


def _is_plain(mail: PersonalMail, names: set[str], call: BatchCall) -> bool:
    """Nothing in the values that a header can't hold, or that the provider would fill in again."""
    if not names <= mail.values.keys():
        return False
    values = [mail.delivery.name, *(str(mail.values[name]) for name in names)]
    return not any(has_control(value) or call.mark in value for value in values)
