from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.widgets import AdminEmailInputWidget
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailroom.addresses import AddressFormField
from mailroom.admin.own_views import OwnViewsAdmin
from mailroom.admin.suppression_csv import exported, import_suppressions
from mailroom.config.channels import channels
from mailroom.csv_files import LARGEST_UPLOAD, SHOWN_PROBLEMS, csv_response
from mailroom.messages.links import mask_tokens
from mailroom.models import Suppression


class LiftForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Why can this address get email again?"),
        max_length=300,
        help_text=gettext_lazy("Stored with the address, your name and the time."),
    )


class ImportForm(forms.Form):
    """A file of suppressions."""

    import_file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "CSV with the columns address, channel, reason, note and until, or addresses alone."
        ),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"}),
    )

    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > LARGEST_UPLOAD:
            raise forms.ValidationError(_("More than 20 MB. Please split the file."))
        return file


class ActiveFilter(admin.SimpleListFilter):
    title = gettext_lazy("in force")
    parameter_name = "active"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("yes")), ("no", gettext_lazy("lifted or expired"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Suppression]:
        active = Suppression.objects.active().values("pk")
        if self.value() == "yes":
            return queryset.filter(pk__in=active)
        return queryset.exclude(pk__in=active) if self.value() == "no" else queryset


class ChannelFilter(admin.SimpleListFilter):
    title = gettext_lazy("channel")
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("all", gettext_lazy("all")), *((name, name) for name in channels())]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Suppression]:
        if self.value() is None:
            return queryset
        return queryset.filter(channel="" if self.value() == "all" else self.value())


@admin.register(Suppression)
class SuppressionAdmin(OwnViewsAdmin):
    """Addresses that get no mail: by themselves after a bounce or complaint, or by hand."""

    list_display = ["address", "reason", "stream", "in_force", "until", "created_at"]
    list_filter = [ActiveFilter, "reason", ChannelFilter, "created_at"]
    search_fields = ["address", "note", "evidence"]
    fields = ("address", "channel", "reason", "note", "until", "words", "created_at", "tried_at")
    readonly_fields = ("words", "created_at", "tried_at")
    show_full_result_count = False
    change_form_template = "mailroom/admin/suppression/change_form.html"
    change_list_template = "mailroom/admin/suppression/change_list.html"
    own_views = {"<int:pk>/lift/": "lift", "import/": "import_", "export/": "export"}

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """An address that was forgotten is still found by who knows it."""
        found, distinct = super().get_search_results(request, queryset, search_term)
        if "@" in search_term:
            found |= queryset.filter(pk__in=Suppression.objects.of(search_term).values("pk"))
        return found, distinct

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "address":
            return AddressFormField(label=db_field.verbose_name, widget=AdminEmailInputWidget())
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.readonly_fields, "address", "channel"] if obj else self.readonly_fields

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Whether the user may add rows and change those that exist: an import does both."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may_import = {"may_import": self.has_import_permission(request)}
        return super().changelist_view(request, {**(extra_context or {}), **may_import})

    def import_(self, request: HttpRequest) -> HttpResponse:
        """GET asks for a file, POST takes in what can be, and names the lines that can't."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        problems: list[str] = []
        if request.method == "POST" and form.is_valid():
            counts, problems = import_suppressions(form.cleaned_data["import_file"].file)
            text = _("%(new)s new, %(changed)s changed, %(problems)s lines skipped.")
            text %= {"new": counts["new"], "changed": counts["changed"], "problems": len(problems)}
            self.message_user(request, text, messages.WARNING if problems else messages.SUCCESS)
            if not problems:
                return redirect("admin:mailroom_suppression_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Import suppressions"),
            "form": form,
            "problems": problems[:SHOWN_PROBLEMS],
        }
        return render(request, "mailroom/admin/suppression/import.html", context)

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """The suppressions of the list as it is filtered, as a CSV file that imports again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_changelist_instance(request).get_queryset(request)
        return csv_response(exported(rows), "suppressions.csv")

    @admin.display(description=gettext_lazy("channel"), ordering="channel")
    def stream(self, obj: Suppression) -> str:
        return obj.channel or _("all")

    @admin.display(description=Suppression._meta.get_field("evidence").verbose_name)
    def words(self, obj: Suppression) -> str:
        return mask_tokens(obj.evidence)

    @admin.display(description=gettext_lazy("in force"), boolean=True)
    def in_force(self, obj: Suppression) -> bool:
        return obj.is_active

    def lift(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET asks for a note, POST lifts."""
        row = get_object_or_404(Suppression, pk=pk)
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        form = LiftForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            row.lift(f"{request.user}: {form.cleaned_data['note']}")
            assert request.user.pk is not None
            LogEntry.objects.log_actions(
                request.user.pk, Suppression.objects.filter(pk=pk), CHANGE, _("Lifted.")
            )
            self.message_user(request, _("%s can get email again.") % row, messages.SUCCESS)
            return redirect("admin:mailroom_suppression_change", pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Lift the suppression of %s") % row,
            "original": row,
            "evidence": mask_tokens(row.evidence),
            "form": form,
        }
        return render(request, "mailroom/admin/suppression/lift.html", context)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        may = row and row.is_active and self.has_change_permission(request, row)
        context["may_lift"] = bool(may)
        return super().render_change_form(request, context, *args, **kwargs)
