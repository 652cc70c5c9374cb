from typing import Any

from django import forms
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from newsletters.composing import pictures
from newsletters.models import Newsletter

SENDER = ("sender_address", "reply_to", "account")


class NewsletterForm(forms.ModelForm):
    logo_file = forms.FileField(
        label=_("New logo"),
        required=False,
        help_text=_("PNG, JPEG, GIF or WebP."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/gif,image/webp"}),
    )
    remove_logo = forms.BooleanField(label=_("Remove the logo"), required=False)

    def clean_logo_file(self) -> UploadedFile | None:
        """Store the picture, written anew as those of issues are."""
        file: UploadedFile | None = self.cleaned_data["logo_file"]
        if file:
            self.instance.logo = pictures.store_picture(file)
        return file

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.cleaned_data.get("remove_logo") and not self.cleaned_data.get("logo_file"):
            self.instance.logo = None
        return cleaned


@admin.register(Newsletter)
class NewsletterAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "language"]
    prepopulated_fields = {"slug": ["name"]}
    search_fields = ["name"]
    form = NewsletterForm
    readonly_fields = ["logo_shown"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "description", "language"]}),
        (_("Sender"), {"fields": ["sender_name", *SENDER]}),
        (
            _("Look and footer"),
            {"fields": ["logo_shown", "logo_file", "remove_logo", "colour", "footer"]},
        ),
        (_("Legal"), {"fields": ["postal_address", "privacy_url"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Newsletter | None = None) -> Any:
        """Changing the addresses and the mail account needs the permission `change_sender`."""
        locked = () if request.user.has_perm("newsletters.change_sender") else SENDER
        return [*super().get_readonly_fields(request, obj), *locked]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Newsletter | None = None) -> Any:
        """Renaming a newsletter does not move its address; users without the right see text."""
        return {} if obj else super().get_prepopulated_fields(request, obj)

    @admin.display(description=_("Logo"))
    def logo_shown(self, newsletter: Newsletter) -> str:
        logo = newsletter.logo
        return format_html('<img src="{}" alt="" height="48">', logo.path) if logo else "–"
