from django.contrib import admin

from mailroom.admin.record import RecordAdmin
from mailroom.messages.links import mask_tokens
from mailroom.models import Event


@admin.register(Event)
class EventAdmin(RecordAdmin):
    """What providers and bounce emails reported, unknown events too."""

    list_display = ["happened_at", "provider", "kind", "address", "words"]
    list_filter = ["kind", "provider", "happened_at"]
    search_fields = ["address", "description"]
    ordering = ["-happened_at", "-pk"]
    list_select_related = False
    fields = [
        "provider",
        "kind",
        "address",
        "all_words",
        "delivery",
        "happened_at",
        "received_at",
        "handled_at",
    ]

    @admin.display(description=Event._meta.get_field("description").verbose_name)
    def words(self, obj: Event) -> str:
        return mask_tokens(obj.description)[:80]

    @admin.display(description=Event._meta.get_field("description").verbose_name)
    def all_words(self, obj: Event) -> str:
        return mask_tokens(obj.description)
