"""Into the outbox by the thousand: the database makes the rows itself."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connection, transaction
from django.db.models import Expression, F, QuerySet, Value
from django.db.models.constants import OnConflict
from django.db.models.functions import JSONObject
from django.utils import timezone

from mailroom.delivery.wakeups import wake
from mailroom.mail_accounts import routing
from mailroom.models import Delivery, Message
from mailroom.outbox import BATCH, Recipient, add_deliveries, delivery_to


def add_deliveries_from(
    message: Message,
    people: QuerySet[Any],
    *,
    address: Expression | F,
    name: Expression | F,
    values: Mapping[str, Expression | F],
) -> int:
    """Queue a frozen message to each row of `people` in one statement, INSERT … SELECT.

    No row of `people` ever comes into this process. address, name: its expressions for a bare
    address that is a key (see mailroom.addresses) and a name to greet. values: expressions for the
    small values of the slots, by name.
    A pair of message and address exists once, so that a repeated call adds only what is missing.
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
    """The recipients one by one, for routers that want to see each."""
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
