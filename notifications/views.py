"""The in-app inbox and what to get."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.generic import DetailView, TemplateView, View
from django.views.generic.detail import SingleObjectMixin

from notifications.kinds import Delivery, kinds_for
from notifications.models import Announcement, Notification, Preference

PAGE = 30


class Inbox(LoginRequiredMixin, TemplateView):
    """Newest first, cut by key: `?before=<pk>`; `?show=unread` leaves out what was read."""

    template_name = "notifications/list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        own = Notification.objects.of(self.request.user)
        only_unread = self.request.GET.get("show") == "unread"
        before = self.request.GET.get("before", "")
        found = own.unread() if only_unread else own
        rows = list(found.before(int(before) if before.isdecimal() else None)[: PAGE + 1])
        more = rows[PAGE - 1].pk if len(rows) > PAGE else None
        return super().get_context_data(
            notifications=rows[:PAGE], only_unread=only_unread, more=more, **kwargs
        )


class OpenNotification(LoginRequiredMixin, SingleObjectMixin, View):
    """Mark it as read and go to what it is about. A POST: following links changes nothing."""

    def get_queryset(self) -> Any:
        return Notification.objects.of(self.request.user)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        notification = self.get_object()
        self.get_queryset().filter(pk=notification.pk).mark_read()
        return redirect(notification.get_absolute_url())


class ReadAll(LoginRequiredMixin, View):
    def post(self, request: HttpRequest) -> HttpResponse:
        Notification.objects.of(request.user).mark_read()
        return redirect("notifications:list")


class ReadAnnouncement(LoginRequiredMixin, DetailView):
    queryset = Announcement.objects.exclude(state=Announcement.State.DRAFT)
    template_name = "notifications/announcement.html"


class Preferences(LoginRequiredMixin, View):
    """What to get, kind by kind."""

    def get(self, request: HttpRequest) -> HttpResponse:
        chosen = Preference.chosen_by(request.user)
        rows = [
            {
                "kind": kind,
                "current": chosen.get(kind.key, kind.default.value),
                "choices": choices(bool(kind.message_type)),
            }
            for kind in kinds_for(request.user)
        ]
        return render(request, "notifications/preferences.html", {"rows": rows})

    def post(self, request: HttpRequest) -> HttpResponse:
        for kind in kinds_for(request.user):
            wish = request.POST.get(kind.key, "")
            if wish in [value for value, _label in choices(bool(kind.message_type))]:
                Preference.choose(request.user, kind, Delivery(wish))
        messages.success(request, _("Your choices are saved."))
        return redirect("notifications:preferences")


def choices(may_mail: bool) -> list[tuple[str, str]]:
    """What a kind can be set to, with the words for it."""
    mail = [(Delivery.INSTANT.value, _("Here and by mail"))] if may_mail else []
    return [*mail, (Delivery.IN_APP.value, _("Only here")), (Delivery.OFF.value, _("Not at all"))]
