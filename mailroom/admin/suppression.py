from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.widgets import AdminEmailInputWidget
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.admin import ImportExportModelAdmin
from import_export.formats.base_formats import CSV

from mailroom.addresses import AddressFormField
from mailroom.admin.suppression_csv import SuppressionResource
from mailroom.channels import channels
from mailroom.models import Suppression


class LiftForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Why may mail go there again?"),
        max_length=300,
        help_text=gettext_lazy("Kept with the address, with your name and the time."),
    )


class ActiveFilter(admin.SimpleListFilter):
    title = gettext_lazy("in force")
    parameter_name = "active"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("yes")), ("no", gettext_lazy("lifted or over"))]

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
class SuppressionAdmin(ImportExportModelAdmin):
    """Addresses that get no mail: by themselves after a bounce or complaint, or by hand."""

    list_display = ["address", "reason", "stream", "in_force", "until", "created_at"]
    list_filter = [ActiveFilter, "reason", ChannelFilter, "created_at"]
    search_fields = ["address", "note", "evidence"]
    fields = ("address", "channel", "reason", "note", "until", "evidence", "created_at", "tried_at")
    readonly_fields = ("evidence", "created_at", "tried_at")
    show_full_result_count = False
    change_form_template = "admin/mailroom/suppression/change_form.html"
    resource_classes = [SuppressionResource]
    formats = [CSV]
    skip_admin_log = False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.lift)
        own = path("<int:pk>/lift/", view, name="mailroom_suppression_lift")
        return [own, *super().get_urls()]

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
        return self.has_add_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @admin.display(description=gettext_lazy("channel"), ordering="channel")
    def stream(self, obj: Suppression) -> str:
        return obj.channel or _("all")

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
            self.message_user(request, _("Mail may go to %s again.") % row, messages.SUCCESS)
            return redirect("admin:mailroom_suppression_change", pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Lift the suppression of %s") % row,
            "original": row,
            "form": form,
        }
        return render(request, "admin/mailroom/suppression/lift.html", context)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        may = row and row.is_active and self.has_change_permission(request, row)
        context["may_lift"] = bool(may)
        return super().render_change_form(request, context, *args, **kwargs)
