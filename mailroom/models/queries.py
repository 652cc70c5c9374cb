"""What Django's queries lack: many values as one parameter, rows of an UPDATE, the shared clock."""

import json
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Field, QuerySet
from django.db.models.functions import Now
from django.db.models.lookups import Lookup
from django.db.models.sql import UpdateQuery
from django.utils import timezone

BATCH = 1000  # rows of a statement or a transaction: memory is bounded, however many there are


@Field.register_lookup
class AnyOf(Lookup):
    """`pk__any_of=ids`: as `pk__in`, with all the values (numbers or texts) as one parameter.

    Every window of email is named by its ids, several times. To build a statement with a
    placeholder for each of a hundred values takes longer than to run it.
    """

    lookup_name = "any_of"
    prepare_rhs = False  # the field knows to prepare one value, not many

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lhs, parameters = self.process_lhs(compiler, connection)
        values = "SELECT value FROM json_each(%s)"
        return f"{lhs} IN ({values})", [*parameters, json.dumps(self._values())]

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lhs, parameters = self.process_lhs(compiler, connection)
        kind = self.lhs.output_field.cast_db_type(connection)
        return f"{lhs} = ANY(%s::{kind}[])", [*parameters, self._values()]

    def _values(self) -> list[Any]:
        if not (found := list(self.rhs)):
            raise EmptyResultSet
        return found


def update_returning(rows: QuerySet[Any], **values: Any) -> list[Any]:
    """Update the rows of a queryset (of one table); the primary keys of those that changed."""
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(values)
    query.clear_ordering(force=True)
    compiler: Any = query.get_compiler(rows.db)
    with transaction.mark_for_rollback_on_error(using=rows.db):
        try:
            return [key for (key,) in compiler.execute_returning_sql([rows.model._meta.pk])]
        except EmptyResultSet:  # nothing was asked of the database
            return []


def locked(rows: Any, **kwargs: Any) -> Any:
    """Lock rows, less those that another transaction has locked; SQLite has one writer anyway.

    To wait for them would be a deadlock where the other one waits for some of ours.
    """
    if connection.features.has_select_for_update_skip_locked:
        return rows.select_for_update(skip_locked=True, **kwargs)
    return rows


def row_id(text: str) -> int | None:
    """The id of a row as a request or a report gives it; None for what no row can have."""
    return int(text) if text.isdecimal() and len(text) < 19 else None


def database_now() -> "datetime | Now":
    """This moment by the clock that all machines share: the database server's.

    On SQLite there is one machine, and so its own clock, as a datetime.
    """
    return Now() if connection.vendor == "postgresql" else timezone.now()
