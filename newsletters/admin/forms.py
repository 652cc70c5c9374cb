"""Forms of an import: which file and newsletter, how these people agreed, what its columns hold."""

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from newsletters import csv_file
from newsletters.models import SubscriberImport

LARGEST = 20_000_000  # bytes: some 400,000 people


class UploadForm(forms.ModelForm):
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV in UTF-8; the first line names the columns."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    class Meta:
        model = SubscriberImport
        fields = ["newsletter", "consent"]
        widgets = {"consent": AdminTextInputWidget}
        help_texts = {
            "consent": _("Kept with each of them, for instance: “Paper list at the fair, 2026”.")
        }

    def clean_file(self) -> UploadedFile:
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            most = LARGEST // 1_000_000
            raise forms.ValidationError(_("More than %s MB: split the file, please.") % most)
        if "\x00" in file.name or not csv_file.header(file):
            raise forms.ValidationError(_("This file can’t be read."))
        return file

    def save(self, commit: bool = True) -> Any:
        file = self.cleaned_data["file"]
        self.instance.file_name = file.name[-200:]
        self.instance.header = csv_file.header(file)
        file.seek(0)
        self.instance.data = file.read()
        return super().save(commit)


class ColumnsForm(forms.Form):
    """Which column holds what. Guessed by the names, decided by a person."""

    email = forms.TypedChoiceField(label=_("E-mail address"), coerce=int)
    name = forms.TypedChoiceField(label=_("Name"), coerce=int, required=False, empty_value=None)
    language = forms.TypedChoiceField(
        label=_("Language"), coerce=int, required=False, empty_value=None
    )

    def __init__(self, job: SubscriberImport, data: Any = None) -> None:
        found = csv_file.guessed(job.header)
        super().__init__(data, initial=job.columns or found)
        named = [(place, name or f"#{place + 1}") for place, name in enumerate(job.header)]
        for field in self.fields.values():
            assert isinstance(field, forms.TypedChoiceField)
            field.choices = [("", "–"), *named]
        self.also = {"newsletter": found["newsletter"]} if "newsletter" in found else {}

    def columns(self) -> dict[str, int]:
        chosen = {name: at for name, at in self.cleaned_data.items() if at is not None}
        return chosen | self.also
