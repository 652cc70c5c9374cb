from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from import_export.admin import ImportExportModelAdmin
from import_export.forms import ExportForm
from import_export.tmp_storages import CacheStorage

from newsletters.admin.forms import SubscriberConfirmForm, SubscriberImportForm
from newsletters.csv_file import PeopleCSV
from newsletters.imports import SubscriptionExport, SubscriptionResource
from newsletters.models import Subscription

EVIDENCE = ["consent_at", "consent_source", "consent_ip", "consent_wording"]
HISTORY = ["created_at", "confirmation_sent_at", "confirmed_at", "unsubscribed_at"]


@admin.register(Subscription)
class SubscriptionAdmin(ImportExportModelAdmin):
    list_display = ["email", "name", "newsletter", "state", "confirmed_at", "unsubscribed_at"]
    list_filter = ["newsletter", "state", "language"]
    list_select_related = ["newsletter"]
    search_fields = ["email", "name"]
    readonly_fields = ["state", *HISTORY, *EVIDENCE]
    fieldsets = [
        (None, {"fields": ["newsletter", "email", "name", "language", "state"]}),
        (_("History"), {"fields": HISTORY}),
        (_("Consent"), {"fields": EVIDENCE}),
    ]
    actions = ["unsubscribe"]
    show_full_result_count = False  # counting half a million rows twice a page helps nobody

    formats = [PeopleCSV]
    import_form_class = SubscriberImportForm
    confirm_form_class = SubscriberConfirmForm
    export_form_class = ExportForm
    import_template_name = "admin/newsletters/subscription/import.html"
    tmp_storage_class = CacheStorage  # shared by all web processes, unlike their disks
    skip_admin_log = True  # the consent note of each row says more

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, "newsletter", "email"] if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Subscription, form: Any, change: Any) -> None:
        """Adding somebody by hand asks them first, as the public page does."""
        if change:
            obj.save(update_fields=["name", "language"])
            return
        super().save_model(request, obj, form, change)
        obj.want_confirmation()
        messages.info(request, _("A mail asks %s to confirm.") % obj.email)

    @admin.action(description=_("Unsubscribe the selected"), permissions=["change"])
    def unsubscribe(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        count = sum(subscription.unsubscribe() for subscription in queryset)
        messages.success(request, _("%s unsubscribed.") % count)

    # -- Import and export --------------------------------------------------------------------

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_import_resource_classes(self, request: HttpRequest) -> list[type]:
        return [SubscriptionResource]

    def get_export_resource_classes(self, request: HttpRequest) -> list[type]:
        return [SubscriptionExport]

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> dict[str, Any]:
        initial = super().get_confirm_form_initial(request, import_form)
        if import_form:
            chosen = import_form.cleaned_data
            initial |= {"newsletter": chosen["newsletter"].pk, "consent": chosen["consent"]}
        return initial

    def get_import_resource_kwargs(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        chosen = getattr(kwargs.get("form"), "cleaned_data", {})
        return {name: chosen.get(name) for name in ("newsletter", "consent")}

    def get_import_data_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        # All or nothing, also when something changed between the preview and the import.
        return {"rollback_on_validation_errors": True}

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        form.add_error("import_file", getattr(e, "messages", [_("This file can’t be read.")]))

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        if not result.faults:
            return super().process_result(result, request)
        messages.error(request, " ".join(result.faults[:5]))
        return redirect("admin:newsletters_subscription_import")
