"""Forms of the import: which newsletter, and how these people agreed."""

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.utils.translation import gettext_lazy as _
from import_export.forms import ConfirmImportForm, ImportForm

from newsletters.models import Newsletter


class SubscriberImportForm(ImportForm):
    newsletter = forms.ModelChoiceField(Newsletter.objects.all(), label=_("Newsletter"))
    consent = forms.CharField(
        label=_("How they agreed"),
        max_length=500,
        widget=AdminTextInputWidget,
        help_text=_("Kept with each of them, for instance: “Paper list at the fair, June 2026”."),
    )
    field_order = ["newsletter", "consent", "import_file", "format"]


class SubscriberConfirmForm(ConfirmImportForm):
    newsletter = forms.ModelChoiceField(Newsletter.objects.all(), widget=forms.HiddenInput)
    consent = forms.CharField(max_length=500, widget=forms.HiddenInput)
