"""`pk__any_of=ids`: as `pk__in`, with all the values as one parameter.

Every window of mail is named by its ids, several times. To build a statement with a placeholder for
each of a hundred values takes longer than to run it.
"""

import json
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Field
from django.db.models.lookups import Lookup


@Field.register_lookup
class AnyOf(Lookup[Any]):
    """True for rows whose column is one of the values: whole numbers or texts, as they are stored.

    A queryset is no list of values: that is what `in` is for.
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
