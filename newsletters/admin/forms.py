"""Forms of an import: which file and newsletter, how these people agreed, what its columns hold."""

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from mailroom.csv_files import LARGEST_UPLOAD
from newsletters.models import SubscriberImport
from newsletters.subscribers.importing import TOP, examples, guessed, layout


class UploadForm(forms.ModelForm):
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV, as exported by Mailchimp, listmonk, Ghost, Buttondown or a spreadsheet."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    class Meta:
        model = SubscriberImport
        fields = ["newsletter", "consent"]
        widgets = {"consent": AdminTextInputWidget}
        help_texts = {
            "consent": _(
                "Stored with each subscription. For example: “Paper list at the fair, 2026”."
            )
        }

    def clean_file(self) -> UploadedFile:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_UPLOAD:
            most = LARGEST_UPLOAD // 1_000_000
            raise forms.ValidationError(_("The file is larger than %s MB. Please split it.") % most)
        if "\x00" in file.name or not layout(file)[0]:
            raise forms.ValidationError(_("This file can’t be read."))
        return file

    def save(self, commit: bool = True) -> Any:
        file = self.cleaned_data["file"]
        self.instance.file_name = file.name[-200:]
        self.instance.header = layout(file)[0]
        file.seek(0)
        self.instance.data = file.read()
        return super().save(commit)


def _optional(label: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(label=label, coerce=int, required=False, empty_value=None)


class ColumnsForm(forms.Form):
    """Which column holds what. Guessed by the names, decided by a person."""

    email = forms.TypedChoiceField(label=_("Email address"), coerce=int)
    name = _optional(_("Name"))
    first_name = _optional(_("First name"))
    last_name = _optional(_("Last name"))
    language = _optional(_("Language"))
    state = _optional(_("State (confirmed, unsubscribed …)"))

    def __init__(self, job: SubscriberImport, data: Any = None) -> None:
        found = guessed(job.header, examples(job.file, TOP) if job.data else None)
        super().__init__(data, initial=job.columns or found)
        named = [(place, name or f"#{place + 1}") for place, name in enumerate(job.header)]
        for field in self.fields.values():
            assert isinstance(field, forms.TypedChoiceField)
            field.choices = [("", "–"), *named]
        # What else the file says of leaving counts too, whatever the form shows.
        self.also = {name: at for name, at in found.items() if name not in self.fields}

    def columns(self) -> dict[str, int]:
        chosen = {name: at for name, at in self.cleaned_data.items() if at is not None}
        return chosen | self.also
