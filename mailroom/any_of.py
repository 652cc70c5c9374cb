"""`pk__any_of=ids`: as `pk__in`, with all the values as one parameter.

Every window of mail is named by its ids, several times. To build a statement with a placeholder for
each of a hundred values takes longer than to run it.
"""

import json
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Field
from django.db.models.lookups import In


@Field.register_lookup
class AnyOf(In):
    """True for rows whose column is one of the values: whole numbers or texts, as they are stored.

    Works as `in` where the database has no such parameter.
    """

    lookup_name = "any_of"

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lhs, parameters = self.process_lhs(compiler, connection)
        values = "SELECT value FROM json_each(%s)"
        return f"{lhs} IN ({values})", [*parameters, json.dumps(self._all())]

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lhs, parameters = self.process_lhs(compiler, connection)
        kind = self.lhs.output_field.cast_db_type(connection)
        values = f"ARRAY(SELECT json_array_elements_text(%s::json))::{kind}[]"
        return f"{lhs} = ANY({values})", [*parameters, json.dumps(self._all())]

    def get_prep_lookup(self) -> Any:
        return self.rhs  # one by one, `in` prepares the values

    def _all(self) -> list[Any]:
        if not (found := list(self.rhs)):
            raise EmptyResultSet
        return found
