from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from mailroom.models import Suppression


@admin.register(Suppression)
class SuppressionAdmin(admin.ModelAdmin):
    """Addresses that get no mail: by themselves after a bounce or complaint, or by hand."""

    list_display = ["address", "reason", "channel", "until", "created_at"]
    list_filter = ["reason", "channel", "created_at"]
    search_fields = ["address", "note"]
    fields = ("address", "channel", "reason", "note", "until")
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["address", "channel"] if obj else []
