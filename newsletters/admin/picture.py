from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from newsletters.admin.desk import markup
from newsletters.models import Picture


@admin.register(Picture)
class PictureAdmin(admin.ModelAdmin):
    """What was uploaded while writing. Mails that were sent show it as long as it is here."""

    list_display = ["shown", "markdown", "dimensions", "weight", "created_at", "uploaded_by"]
    list_display_links = None
    list_select_related = ["uploaded_by"]
    list_per_page = 25
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Picture | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Picture | None = None) -> bool:
        return False

    @admin.display(description=_("picture"))
    def shown(self, picture: Picture) -> str:
        return format_html('<img class="picture-small" src="{}" alt="">', picture.path)

    @admin.display(description=_("Markdown"))
    def markdown(self, picture: Picture) -> str:
        return format_html("<code>{}</code>", markup(picture))

    @admin.display(description=_("size"))
    def dimensions(self, picture: Picture) -> str:
        return f"{picture.width} × {picture.height}"

    @admin.display(description=_("bytes"), ordering="size")
    def weight(self, picture: Picture) -> str:
        return filesizeformat(picture.size)
