"""Announcements are written and sent here; what people were told can be looked at."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from mailroom.registry import describe
from notifications.announcing import audience, told
from notifications.models import Announcement, Notification


@admin.register(Announcement)
class AnnouncementAdmin(admin.ModelAdmin):
    """Write, look at it, send it to everybody. What is sent can no longer be changed."""

    list_display = ["title", "state", "author", "sent_at"]
    list_filter = ["state"]
    search_fields = ["title"]
    fields = ["title", "body"]
    change_form_template = "admin/notifications/announcement/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        send = self.admin_site.admin_view(self.send)
        own = path("<int:pk>/send/", send, name="notifications_announcement_send")
        return [own, *super().get_urls()]

    def has_change_permission(self, request: HttpRequest, obj: Announcement | None = None) -> bool:
        return super().has_change_permission(request, obj) and _is_draft(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Announcement | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_draft(obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Change a draft only as long as it is one: a colleague may send it meanwhile."""
        if not change:
            obj.author = request.user
            super().save_model(request, obj, form, change)
            return
        drafts = Announcement.objects.filter(pk=obj.pk, state=Announcement.State.DRAFT)
        obj.came_too_late = not drafts.update(title=obj.title, body=obj.body)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if not obj.came_too_late:
            return super().response_change(request, obj)
        messages.error(request, _("It was sent meanwhile: your changes are not saved."))
        return redirect("admin:notifications_announcement_change", obj.pk)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        if row:
            context["may_send"] = _is_draft(row) and _may_send(request)
            context["told"] = None if _is_draft(row) else told(row).count()
            context["mailed"] = told(row).exclude(mailed_at=None).count()
        return super().render_change_form(request, context, *args, **kwargs)

    def send(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask once more, with numbers; the POST sends."""
        if not _may_send(request):
            raise PermissionDenied
        row = get_object_or_404(Announcement, pk=pk)
        if request.method != "POST" and _is_draft(row):
            return render(
                request, "admin/notifications/announcement/send.html", self._page(request, row)
            )
        if request.method == "POST" and row.send():
            messages.success(request, _("It is on its way to everybody."))
        else:
            messages.info(request, _("It was sent already: nobody is told twice."))
        return redirect("admin:notifications_announcement_change", pk)

    def _page(self, request: HttpRequest, row: Announcement) -> dict[str, Any]:
        channels = {channel["alias"]: channel for channel in describe()["channels"]}
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Send"),
            "announcement": row,
            "people": audience().count(),
            "channel": channels.get("notifications", {"alias": "notifications"}),
        }


@admin.register(Notification)
class NotificationAdmin(admin.ModelAdmin):
    list_display = ["kind", "recipient", "created_at", "read_at", "mailed_at"]
    list_filter = ["kind", "created_at"]
    search_fields = ["recipient__email"]
    list_select_related = ["recipient"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Notification | None = None) -> bool:
        return False


def _is_draft(row: Announcement | None) -> bool:
    return row is None or row.state == Announcement.State.DRAFT


def _may_send(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("notifications.send_announcement"))
