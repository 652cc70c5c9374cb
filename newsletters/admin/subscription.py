from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mailroom.admin.erasing import ErasingAdmin
from mailroom.admin.own_views import OwnViewsAdmin
from mailroom.admin.timeline import Link, add_links
from mailroom.csv_files import csv_response
from mailroom.models import Delivery
from newsletters.models import SubscriberImport, Subscription
from newsletters.subscribers.account_sync import delete_by_hand, delete_waiting_subscriptions
from newsletters.subscribers.subscribing import confirm_again, want_confirmation

EVIDENCE: list[Any] = ["consent_at", "consent_source", "consent_ip", "consent_wording"]
EXPORTED = (
    "newsletter__slug", "email", "name", "language", "state", "created_at", "confirmed_at",
    "unsubscribed_at", "consent_at", "consent_source", "consent_wording",
)  # fmt: skip
HISTORY: list[Any] = ["created_at", "confirmation_sent_at", "confirmed_at", "unsubscribed_at"]


@add_links
def subscriber_links(request: HttpRequest, delivery: Delivery) -> Iterator[Link]:
    """The subscriptions of the person a delivery went to, for its page."""
    if request.user.has_perm("newsletters.view_subscription"):
        for row in Subscription.objects.of(delivery.address).select_related("newsletter"):
            url = reverse("admin:newsletters_subscription_change", args=[row.pk])
            yield Link(_("Subscriber of %(newsletter)s") % {"newsletter": row.newsletter}, url)


@admin.register(Subscription)
class SubscriptionAdmin(ErasingAdmin, OwnViewsAdmin):
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
    actions = ["send_confirmation", "unsubscribe"]
    task = delete_waiting_subscriptions
    show_full_result_count = False  # counting half a million rows twice a page helps nobody

    change_list_template = "admin/newsletters/subscription/change_list.html"
    own_views = {"export/": "export"}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, "newsletter", "email"] if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Subscription, form: Any, change: Any) -> None:
        """Adding somebody by hand asks them first, as the public page does."""
        if change:
            obj.save(update_fields=["name", "language"])
            return
        super().save_model(request, obj, form, change)
        want_confirmation(obj)
        messages.info(request, _("%s gets an email with a confirmation link.") % obj.email)

    def erase(self, row: Subscription) -> None:
        delete_by_hand(row)

    def stop(self, rows: QuerySet[Subscription]) -> None:
        rows.update(
            state=Subscription.State.UNSUBSCRIBED,
            unsubscribed_at=timezone.now(),
            confirmation_wanted=False,
        )

    @admin.action(description=_("Send the confirmation email again"), permissions=["change"])
    def send_confirmation(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        if count := sum(map(confirm_again, queryset)):
            text = ngettext(
                "%s confirmation email queued.", "%s confirmation emails queued.", count
            )
            messages.success(request, text % count)
        else:
            text = gettext("None of the selected subscribers is waiting for confirmation.")
            messages.warning(request, text)

    @admin.action(description=_("Unsubscribe the selected"), permissions=["change"])
    def unsubscribe(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        count = sum(subscription.unsubscribe() for subscription in queryset)
        messages.success(request, _("%s unsubscribed.") % count)

    # -- Import and export -------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        imports = self.admin_site.get_model_admin(SubscriberImport)
        may_import = {"may_import": imports.has_add_permission(request)}
        return super().changelist_view(request, {**(extra_context or {}), **may_import})

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """The subscriptions of the list as it is filtered, as a CSV file that imports again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return redirect("admin:newsletters_subscription_changelist")
        columns = rows.order_by("pk").values_list(*EXPORTED).iterator(2000)
        names = [name.replace("__slug", "") for name in EXPORTED]
        return csv_response(chain([names], columns), "subscriptions.csv")
