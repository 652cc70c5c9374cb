from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMultiAlternatives
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from mailroom.admin.own_views import OwnViewsAdmin
from mailroom.admin.record import RecordAdmin
from mailroom.messages.links import mask_tokens
from mailroom.messages.merge_fields import shown
from mailroom.messages.preview import as_mail_frame, framed, html_of
from mailroom.messages.serializers import thaw_content
from mailroom.models import Delivery, Message

STATE_LABELS = dict(Delivery.State.choices)


@admin.register(Message)
class MessageAdmin(OwnViewsAdmin, RecordAdmin):
    """What was written. A body with a secret in it is shown to nobody."""

    list_display = ["what", "channel", "type", "created_at", "deliveries"]
    list_filter = ["channel", "is_bulk", "created_at", "type"]
    search_fields = ["subject", "deliveries__address"]
    date_hierarchy = "created_at"
    ordering = ["-pk"]
    plain = {"deliveries": (Delivery, "counts")}
    fields = (
        "what", "type", "channel", "is_bulk", "is_secret", "sender", "created_at", "erased_at",
        "deliveries", "text", "page",
    )  # fmt: skip
    own_views = {"<int:pk>/frame/": "frame"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        is_list = getattr(request.resolver_match, "url_name", "") == "mailroom_message_changelist"
        rows = super().get_queryset(request)
        return rows.defer("body", "content") if is_list else rows

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """With the states of all rows of the page in one query."""
        page = super().get_changelist_instance(request)
        rows = {row.pk: row for row in page.result_list}
        states: dict[int, dict[str, int]] = {pk: {} for pk in rows}
        found = Delivery.objects.filter(message__in=rows).order_by()
        for pk, state, count in found.values_list("message", "state").annotate(Count("pk")):
            states[pk][state] = count
        for pk, row in rows.items():
            row.states = states[pk]
        return page

    @admin.display(description=_("subject"), ordering="subject")
    def what(self, obj: Message) -> str:
        return mask_tokens(shown(obj.subject)) or "–"

    @admin.display(description=_("from"))
    def sender(self, obj: Message) -> str:
        return obj.from_email

    @admin.display(description=_("deliveries"))
    def deliveries(self, obj: Message) -> SafeString:
        address = reverse("admin:mailroom_delivery_changelist")
        return format_html(
            '<a href="{}?message__id__exact={}">{}</a>', address, obj.pk, self.counts(obj)
        )

    @admin.display(description=_("deliveries"))
    def counts(self, obj: Message) -> Any:
        states = obj.states if hasattr(obj, "states") else obj.progress()
        counts = (f"{count} {STATE_LABELS[state]}" for state, count in sorted(states.items()))
        return ", ".join(counts) or _("none")

    @admin.display(description=_("text"))
    def text(self, obj: Message) -> Any:
        if hidden := why_hidden(obj):
            return hidden
        return format_html(
            '<pre class="mail-text" tabindex="0">{}</pre>', mask_tokens(shown(obj.body))
        )

    @admin.display(description=_("HTML"))
    def page(self, obj: Message) -> Any:
        if hidden := why_hidden(obj):
            return hidden
        if not html_of(as_written(obj)):
            return _("None.")
        return format_html(
            '<iframe class="mail-frame" title="{}" sandbox src="{}"></iframe>',
            _("The email"),
            reverse("admin:mailroom_message_frame", args=[obj.pk]),
        )

    @method_decorator(as_mail_frame)
    def frame(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The HTML of a message, for the frame in its page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        message = get_object_or_404(Message, pk=pk)
        if why_hidden(message):
            raise Http404
        return framed(as_written(message), masked=True)

    class Media:
        css = {"all": ["mailroom/admin.css"]}


def why_hidden(message: Message) -> Any:
    """Why a message's bodies are not shown; "" where they are."""
    if message.erased_at:
        return _("Erased after sending.")
    if message.is_secret:
        return _("Not shown, because it contains a sign-in link or code.")
    return ""


def as_written(message: Message) -> EmailMultiAlternatives:
    """The message as it was frozen, addressed to nobody, its slots empty."""
    mail = EmailMultiAlternatives(body=message.body)
    thaw_content(mail, message.content)
    return mail
