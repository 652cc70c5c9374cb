from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from mailroom.admin.record import RecordAdmin
from newsletters.admin.desk import markup
from newsletters.models import Picture


@admin.register(Picture)
class PictureAdmin(RecordAdmin):
    """What was uploaded while writing. Mails that were sent show it as long as it is here."""

    list_display = ["shown", "markdown", "dimensions", "weight", "created_at", "uploaded_by"]
    list_display_links = None
    list_select_related = ["uploaded_by"]
    list_per_page = 25
    actions = None

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
