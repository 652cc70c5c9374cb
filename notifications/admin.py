"""Announcements are written and sent here; what people were told can be looked at."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from mailroom.admin.own_views import OwnViewsAdmin
from notifications import announcement_views
from notifications.announcements import AnnouncementProgress
from notifications.models import Announcement, Notification

ANNOUNCEMENT_CONTENT = ("title", "body", "audience", "language")


@admin.register(Announcement)
class AnnouncementAdmin(OwnViewsAdmin):
    """Write, look at it, send it to its audience. What is sent can no longer be changed."""

    list_display = ["title", "state", "audience", "author", "sent_at"]
    list_filter = ["state"]
    list_select_related = ["author"]
    search_fields = ["title"]
    fields = ANNOUNCEMENT_CONTENT
    change_form_template = "admin/notifications/announcement/change_form.html"
    own_views = {
        "<int:pk>/send/": announcement_views.Send,
        "<int:pk>/preview/": announcement_views.PreviewAnnouncement,
        "<int:pk>/frame/": announcement_views.AnnouncementFrame,
        "<int:pk>/progress/": announcement_views.ShowProgress,
    }

    def has_change_permission(self, request: HttpRequest, obj: Announcement | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.is_draft)

    def has_delete_permission(self, request: HttpRequest, obj: Announcement | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_draft)

    def has_send_permission(self, request: HttpRequest) -> bool:
        may: bool = request.user.has_perm("notifications.send_announcement")
        return may and self.has_view_permission(request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Change a draft only as long as it is one: a colleague may send it meanwhile."""
        if not change:
            obj.author = request.user
            super().save_model(request, obj, form, change)
            return
        drafts = Announcement.objects.filter(pk=obj.pk, state=Announcement.State.DRAFT)
        obj.came_too_late = not drafts.update(
            **{name: getattr(obj, name) for name in ANNOUNCEMENT_CONTENT}
        )

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if not obj.came_too_late:
            return super().response_change(request, obj)
        messages.error(request, _("It has been sent in the meantime. Your changes were not saved."))
        return redirect("admin:notifications_announcement_change", obj.pk)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        if row:
            context["may_send"] = row.is_draft and self.has_send_permission(request)
            context["progress"] = None if row.is_draft else AnnouncementProgress(row)
        return super().render_change_form(request, context, *args, **kwargs)


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
