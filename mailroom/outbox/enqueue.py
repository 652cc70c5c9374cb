"""Queue an email: one Message, and a Delivery for each recipient.

The rows are written in the caller's transaction, so that they exist if and only if the change that
caused the email is committed. The commit wakes the workers.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from email.utils import parseaddr
from itertools import batched
from typing import Any, NamedTuple

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.db.models import Expression, F, QuerySet, Value
from django.db.models.constants import OnConflict
from django.db.models.functions import JSONObject
from django.utils import timezone

from mailroom.addresses import address_key, for_wire
from mailroom.config.channels import channel_options, is_account
from mailroom.delivery.wakeups import wake
from mailroom.message_types import type_or_untyped
from mailroom.messages.serializers import freeze_content, header_text
from mailroom.models import Delivery, MailAccount, Message
from mailroom.models.queries import BATCH
from mailroom.outbox import routing


class Recipient(NamedTuple):
    """One recipient: an address without a name, a name for the greeting, and merge values."""

    address: str
    name: str = ""
    values: dict[str, Any] = {}  # never written to


def put(message: EmailMessage, channel: str) -> Message:
    """Freeze a message and queue it to all its recipients, in the current transaction.

    channel: alias of a channel in MAILERS. Raises ValueError for a header that could not be sent.
    """
    with transaction.atomic():
        row = freeze(message, channel)
        named = {address_key(text): parseaddr(text) for text in reversed(_recipients(row))}
        add_deliveries(row, (Recipient(address, name[:200]) for name, address in named.values()))
    return row


def freeze(message: EmailMessage, channel: str = "") -> Message:
    """Store a message's content; add its deliveries with `add_deliveries`.

    Arguments and errors are those of `frozen`.
    """
    row = frozen(message, channel)
    row.save()
    return row


def frozen(message: EmailMessage, channel: str = "") -> Message:
    """The row of a message, not yet stored; enough for a preview.

    channel: needed only if the message doesn't name one.
    Raises ValueError for header injection, NUL or an invalid address; RoutingError, a ValueError
    too, for a mail account or router that can't send it; TypeError for a value that JSON can't
    store.
    """
    channel = channel or message.channel  # type: ignore[attr-defined]
    chosen = getattr(message, "account", None)
    if hasattr(message, "render"):
        message.render()
    options = channel_options(channel)
    sender = str(message.from_email)
    if sender == settings.DEFAULT_FROM_EMAIL:
        sender = options.from_email
    name = getattr(message, "type", "")
    row = type_or_untyped(name, channel)
    content = Message(
        type=name,
        channel=channel,
        owner=str(getattr(message, "owner", "")),
        is_bulk=row.bulk,
        is_secret=row.secret,
        subject=str(message.subject),
        body=str(message.body),
        from_email=for_wire(sender),
        to=_for_wire(message.to),
        cc=_for_wire(message.cc),
        bcc=_for_wire(message.bcc),
        reply_to=_for_wire(message.reply_to or options.reply_to),
        headers={str(name): header_text(value) for name, value in message.extra_headers.items()},
        content=freeze_content(message),
    )
    everybody = _recipients(content)
    recipient = parseaddr(everybody[0])[1] if everybody else None
    content.route = routing.choose(content, chosen, recipient)
    is_own = is_account(content.route)
    if is_own and (account := MailAccount.objects.by_alias(content.route)):
        addresses = account.sender_of(
            content.from_email, content.reply_to, for_wire(options.from_email), options.reply_to
        )
        content.from_email, content.reply_to = addresses[0], _for_wire(addresses[1])
    content.is_grouped = len({address_key(text) for text in _recipients(content)}) > 1
    _refuse_unsendable(message, content)
    return content


def _for_wire(texts: Iterable[Any]) -> list[str]:
    return [for_wire(str(text)) for text in texts]


def _recipients(message: Message) -> list[str]:
    return [*message.to, *message.cc, *message.bcc]


def add_deliveries(message: Message, recipients: Iterable[Recipient]) -> int:
    """Queue a frozen message to recipients and wake the workers; the number of recipients given.

    Runs in batches of 1,000 rows, each in its own transaction if none is open. A pair of message
    and address exists once, so a repeated call adds only what is missing.
    """
    total = 0
    route_of = routing.chooser(message)
    for batch in batched(recipients, BATCH, strict=False):
        now = timezone.now()
        rows = [delivery_to(message, recipient, now) for recipient in batch]
        if route_of:
            for one in rows:
                one.route = route_of(one.address) or one.route
        with transaction.atomic():
            Delivery.objects.bulk_create(rows, ignore_conflicts=True)
            for route in {one.route for one in rows}:
                wake(message.channel, route)
        total += len(rows)
    return total


def delivery_to(message: Message, recipient: Recipient, now: datetime) -> Delivery:
    """The row of a message queued to one recipient at `now`, not yet stored."""
    lasts = message.type_entry.lasts
    return Delivery(
        message=message,
        channel=message.channel,
        route=message.route or channel_options(message.channel).via,
        address=_spelling(recipient.address),
        name=_storable(recipient.name),
        values={key: _storable(value) for key, value in recipient.values.items()},
        created_at=now,
        not_before=now,
        expires_at=now + lasts if lasts else None,
    )


def _storable(value: Any) -> Any:
    """The value without NUL, which no name needs and PostgreSQL cannot store."""
    return value.replace("\0", "") if isinstance(value, str) else value


def _spelling(address: str) -> str:
    """The form that servers get. An invalid address is kept: its row fails alone when sent."""
    try:
        return for_wire(address)
    except ValueError:
        return address


def _refuse_unsendable(message: EmailMessage, frozen: Message) -> None:
    """Raise ValueError for what can never be sent, where the caller sees it.

    Django refuses line breaks in header values when it builds the message, but allows NUL, and line
    breaks in a header's *name*. A database column can't store NUL either.
    """
    for name, value in frozen.headers.items():
        if not name.isascii() or not name.isprintable() or set(name) & {" ", ":"}:
            raise ValueError(f"The header name {name!r} is not one (RFC 5322 section 2.2).")
        _refuse_nul(f"header {name}", value)
    _refuse_nul("subject", frozen.subject)
    _refuse_nul("body", frozen.body)
    for content, _ in getattr(message, "alternatives", []):
        if isinstance(content, str):
            _refuse_nul("body", content)
    for text in [frozen.from_email, *_recipients(frozen), *frozen.reply_to]:
        _refuse_nul("address", text)
    message.message()


def _refuse_nul(what: str, text: str) -> None:
    if "\x00" in text:
        raise ValueError(f"The {what} of an email must not contain NUL.")


# -- Many at once ------------------------------------------------------------------------------


def add_deliveries_from(
    message: Message,
    people: QuerySet[Any],
    *,
    address: Expression | F,
    name: Expression | F,
    values: Mapping[str, Expression | F],
) -> int:
    """Queue a frozen message to each row of `people` in one statement, INSERT … SELECT.

    The rows of `people` are not read into this process. address, name: expressions for an address
    that is a key (see mailroom.addresses), and for the name in the greeting. values: expressions
    for the merge values, by name.
    A pair of message and address exists once, so a repeated call adds only what is missing.
    Returns the number of rows added.
    """
    if routing.chooser(message):
        return add_deliveries(message, _each(people, address, name, values))
    own = {"address": address, "address_key": address, "name": name, "values": JSONObject(**values)}
    pattern = delivery_to(message, Recipient(""), timezone.now())
    fields = [field for field in Delivery._meta.concrete_fields if not field.primary_key]
    columns = [
        own.get(field.attname, Value(getattr(pattern, field.attname), output_field=field))
        for field in fields
    ]
    select, parameters = people.order_by().values_list(*columns).query.sql_with_params()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_insert_into(fields) + select + _unless_known(fields), parameters)
        added: int = cursor.rowcount
        wake(message.channel, pattern.route)
    return added


def _each(
    people: QuerySet[Any],
    address: Expression | F,
    name: Expression | F,
    values: Mapping[str, Expression | F],
) -> Iterator[Recipient]:
    """The recipients one by one, for routers with `asks_recipients`."""
    own = {f"own_{key}": value for key, value in values.items()}
    rows = people.values(the_address=address, the_name=name, **own).iterator(BATCH)
    for row in rows:
        given = {key: row[f"own_{key}"] for key in values}
        yield Recipient(row["the_address"], row["the_name"], given)


def _insert_into(fields: list[Any]) -> str:
    quote = connection.ops.quote_name
    names = ", ".join(quote(field.column) for field in fields)
    verb = connection.ops.insert_statement(on_conflict=OnConflict.IGNORE)
    return f"{verb} {quote(Delivery._meta.db_table)} ({names}) "


def _unless_known(fields: list[Any]) -> str:
    return " " + connection.ops.on_conflict_suffix_sql(fields, OnConflict.IGNORE, [], [])
