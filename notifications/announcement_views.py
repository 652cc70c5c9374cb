"""The pages of an announcement beside its form: preview, send, progress."""

from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _

from mailroom.admin.own_views import ObjectPage
from mailroom.messages.preview import as_mail_frame, framed
from mailroom.status.overview import describe_mailers
from notifications import emails
from notifications.announcements import KIND, AnnouncementProgress, audience, send
from notifications.kinds import KINDS
from notifications.models import Announcement
from notifications.preview import preview_email

CHANGE = "admin:notifications_announcement_change"


class AnnouncementView(ObjectPage):
    """A page about one announcement."""

    model = Announcement


class Send(AnnouncementView):
    """Ask once more, with numbers; the POST sends."""

    template_name = "admin/notifications/announcement/send.html"

    def is_allowed(self, request: HttpRequest) -> bool:
        return bool(self.model_admin.has_send_permission(request))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.get_object().is_draft:
            return self._go_on(is_new=False)
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._go_on(is_new=send(self.get_object()))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        channels = {channel["alias"]: channel for channel in describe_mailers()["channels"]}
        return super().get_context_data(
            title=_("Send"),
            people=audience(self.object).count(),
            channel=channels.get("notifications", {"alias": "notifications"}),
            **kwargs,
        )

    def _go_on(self, *, is_new: bool) -> HttpResponse:
        if is_new:
            messages.success(self.request, _("The announcement is being sent."))
        else:
            messages.info(self.request, _("It was already sent. Nothing is sent twice."))
        return redirect(CHANGE, self.kwargs["pk"])


class PreviewAnnouncement(AnnouncementView):
    template_name = "admin/notifications/announcement/preview.html"

    @cached_property
    def language(self) -> str:
        chosen = self.request.GET.get("language", "")
        fallback = self.object.language or settings.LANGUAGE_CODE
        return chosen if chosen in dict(settings.LANGUAGES) else fallback

    @cached_property
    def mail(self) -> Any:
        row = {"data": self.object.values(), "actor": "", "target_url": ""}
        address = getattr(self.request.user, "email", "")
        return preview_email(lambda: emails.notice(KINDS[KIND], row, self.language), KIND, address)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            title=_("Preview"),
            mail=self.mail,
            headers=self.mail.message().items(),
            language=self.language,
            languages=settings.LANGUAGES,
            **kwargs,
        )


@method_decorator(as_mail_frame, name="dispatch")
class AnnouncementFrame(PreviewAnnouncement):
    """The mail's HTML alone, in a frame of its own address and policy."""

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        return framed(self.mail)


class ShowProgress(AnnouncementView):
    template_name = "admin/notifications/announcement/_progress.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(progress=AnnouncementProgress(self.object), **kwargs)
