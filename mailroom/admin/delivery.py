from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailroom.admin import sending_again, timeline
from mailroom.admin.own_views import OwnViewsAdmin
from mailroom.admin.record import RecordAdmin
from mailroom.messages.links import mask_tokens
from mailroom.messages.merge_fields import shown
from mailroom.models import Delivery, Message
from mailroom.models.delivery import DeliveryQuerySet


@admin.register(Delivery)
class DeliveryAdmin(OwnViewsAdmin, RecordAdmin):
    """Who got what, and why not; failed and uncertain ones can be sent again."""

    list_display = ["address", "subject", "channel", "outcome", "alias", "queued"]
    list_filter = ["state", "channel", "feedback", "message__type", "created_at"]
    search_fields = ["address", "error", "reason", "alias", "provider_id"]
    ordering = ["-pk"]
    actions = ["send_again"]
    plain = {"subject": (Message, "plain_subject")}
    own_views = {"<int:pk>/again/": "send_one_again"}
    change_form_template = "mailroom/admin/delivery/change_form.html"
    fieldsets = [
        (None, {"fields": ["to", "subject", "channel", "state", "reason", "words", "feedback"]}),
        (
            _("Times"),
            {"fields": ["created_at", "attempts", "not_before", "expires_at", "finished_at"]},
        ),
        (_("Sent through"), {"fields": ["alias", "provider_id", "message_id"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows = super().get_queryset(request).select_related("message")
        return rows.defer("message__body", "message__content")

    def has_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("mailroom.send_again")

    @admin.display(description=_("message"), ordering="message__subject")
    def subject(self, obj: Delivery) -> Any:
        address = reverse("admin:mailroom_message_change", args=[obj.message_id])
        return format_html('<a href="{}">{}</a>', address, self.plain_subject(obj))

    @admin.display(description=_("message"), ordering="message__subject")
    def plain_subject(self, obj: Delivery) -> str:
        return mask_tokens(shown(obj.message.subject)) or str(obj.message)

    @admin.display(description=_("to"))
    def to(self, obj: Delivery) -> str:
        return f"{obj.name} <{obj.address}>" if obj.name else obj.address

    @admin.display(description=_("state"), ordering="state")
    def outcome(self, obj: Delivery) -> str:
        why = Truncator(mask_tokens(gettext(obj.reason) or obj.error)).chars(60)
        return f"{obj.get_state_display()}: {why}" if why else obj.get_state_display()

    @admin.display(description=Delivery._meta.get_field("error").verbose_name)
    def words(self, obj: Delivery) -> str:
        return mask_tokens(obj.error)

    @admin.display(description=_("queued at"), ordering="created_at")
    def queued(self, obj: Delivery) -> str:
        return date_format(timezone.localtime(obj.created_at), "DATETIME_FORMAT")

    @admin.display(description="Message-ID")
    def message_id(self, obj: Delivery) -> str:
        return obj.message_id_header

    @admin.action(description=_("Send the selected again…"), permissions=["again"])
    def send_again(self, request: HttpRequest, queryset: DeliveryQuerySet) -> Any:
        return sending_again.ask_or_do(self, request, queryset)

    def send_one_again(self, request: HttpRequest, pk: int) -> HttpResponse:
        return sending_again.send_one_again(self, request, pk)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        delivery = kwargs.get("obj")
        again = delivery and Delivery.objects.filter(pk=delivery.pk).retryable().exists()
        context["may_send_again"] = again and self.has_again_permission(request)
        if delivery:
            context["timeline"] = timeline.timeline(delivery)
            context["links"] = timeline.links(request, delivery)
        return super().render_change_form(request, context, *args, **kwargs)
