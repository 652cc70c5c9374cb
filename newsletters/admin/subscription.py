from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV
from import_export.forms import ExportForm

from mailroom.admin.timeline import Link, add_links
from mailroom.models import Delivery
from newsletters.imports import SubscriptionExport
from newsletters.models import Subscription

EVIDENCE: list[Any] = ["consent_at", "consent_source", "consent_ip", "consent_wording"]
HISTORY: list[Any] = ["created_at", "confirmation_sent_at", "confirmed_at", "unsubscribed_at"]


@add_links
def subscriber_links(request: HttpRequest, delivery: Delivery) -> Iterator[Link]:
    """The subscriptions of the person a delivery went to, for its page."""
    if request.user.has_perm("newsletters.view_subscription"):
        for row in Subscription.objects.of(delivery.address).select_related("newsletter"):
            url = reverse("admin:newsletters_subscription_change", args=[row.pk])
            yield Link(_("Subscriber of %(newsletter)s") % {"newsletter": row.newsletter}, url)


@admin.register(Subscription)
class SubscriptionAdmin(ExportMixin, admin.ModelAdmin):
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

    formats = [CSV]
    export_form_class = ExportForm
    import_export_change_list_template = "admin/newsletters/subscription/change_list.html"

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

    # -- Import (a page of its own) and export -------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may_import = {"may_import": self.has_add_permission(request)}
        return super().changelist_view(request, {**(extra_context or {}), **may_import})

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_export_resource_classes(self, request: HttpRequest) -> list[type]:
        return [SubscriptionExport]
