from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest


class RecordAdmin(admin.ModelAdmin):
    """Rows that the mailroom writes and nobody edits: what was sent can't be made unsent."""

    show_full_result_count = False  # counting a million rows twice a page helps nobody
    list_per_page = 50
    # Columns that are links: the model whose pages they open, and the same column as text.
    plain: Mapping[str, tuple[type[Model], str]] = {}

    def get_list_display(self, request: HttpRequest) -> Any:
        return self._openable(request, super().get_list_display(request))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [
            (title, {**options, "fields": self._openable(request, options["fields"])})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def _openable(self, request: HttpRequest, columns: Iterable[Any]) -> list[Any]:
        """Columns as text where the user may not open the page that they link to."""
        shut = {
            name: text
            for name, (model, text) in self.plain.items()
            if not self.admin_site.get_model_admin(model).has_view_permission(request)
        }
        return [shut.get(one, one) for one in columns]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
