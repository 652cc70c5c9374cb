"""The in-app inbox."""

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.generic import DetailView, TemplateView, View
from django.views.generic.detail import SingleObjectMixin

from mailroom.models.queries import row_id
from notifications import tokens
from notifications.kinds import KINDS, kinds_for
from notifications.models import Announcement, Notification

NOTIFICATIONS_A_PAGE = 30


class Inbox(LoginRequiredMixin, TemplateView):
    """Newest first, cut by key: `?before=<pk>`; `?show=unread` and `?kind=…` leave others out."""

    template_name = "notifications/list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = self.request.GET.get("show", "")
        kind = self.request.GET.get("kind", "")
        before = row_id(self.request.GET.get("before", ""))
        chosen = {"show": shown} if shown in FILTERS else {}
        chosen |= {"kind": kind} if kind in KINDS else {}
        found = FILTERS[chosen.get("show", "")](Notification.objects.of(self.request.user))
        if "kind" in chosen:
            found = found.filter(kind=kind)
        rows = list(found.before(before)[: NOTIFICATIONS_A_PAGE + 1])
        more = rows[NOTIFICATIONS_A_PAGE - 1].pk if len(rows) > NOTIFICATIONS_A_PAGE else None
        return super().get_context_data(
            notifications=rows[:NOTIFICATIONS_A_PAGE],
            show=chosen.get("show", ""),
            kind=chosen.get("kind", ""),
            kinds=kinds_for(self.request.user),
            filters=urlencode(chosen),
            here=self.request.get_full_path(),
            is_later=bool(before),
            more=more,
            **kwargs,
        )


FILTERS: dict[str, Any] = {
    "": lambda rows: rows,
    "unread": lambda rows: rows.unread(),
    "read": lambda rows: rows.read(),
}


class OwnNotification(LoginRequiredMixin, SingleObjectMixin, View):
    """Something done to one notification, by a POST: following links changes nothing."""

    http_method_names = ["post"]

    def get_queryset(self) -> QuerySet[Notification]:
        return Notification.objects.of(self.request.user)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        notification = self.get_object()
        self.do(Notification.objects.filter(pk=notification.pk))
        # Not redirect(): it takes a text without a slash for the name of a view.
        return HttpResponseRedirect(self.after(notification))

    def do(self, row: Any) -> None:
        row.mark_read()

    def after(self, notification: Notification) -> str:
        """Back to where the button stood, filters and page included."""
        back = self.request.POST.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
        return back if is_ours else reverse("notifications:list")


class OpenNotification(OwnNotification):
    """Mark it as read and go to what it is about."""

    def after(self, notification: Notification) -> str:
        return notification.get_absolute_url()


class MarkRead(OwnNotification):
    pass


class MarkUnread(OwnNotification):
    def do(self, row: Any) -> None:
        row.mark_unread()


class ReadAll(LoginRequiredMixin, View):
    def post(self, request: HttpRequest) -> HttpResponse:
        Notification.objects.of(request.user).mark_read()
        return redirect("notifications:list")


@method_decorator(cache_control(private=True, max_age=20), name="dispatch")
class Badge(View):
    """The number beside the bell, asked again and again: the browser's cache answers most tabs."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "notifications/_badge.html")


@method_decorator(never_cache, name="dispatch")
class Visit(View):
    """The link in a mail. Its reader goes on at once, and has read it.

    Scanners of mailbox providers follow links too: whoever isn't logged in presses a button.
    """

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        notification = self._notification(token)
        if request.user.pk == notification.recipient_id:
            return self.post(request, token)
        response = render(request, "notifications/visit.html", {"notification": notification})
        response["Referrer-Policy"] = "no-referrer"
        return response

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        notification = self._notification(token)
        Notification.objects.filter(pk=notification.pk).mark_read()
        return redirect(notification.get_absolute_url())

    def _notification(self, token: str) -> Notification:
        if found := tokens.read_visit(token):
            return found
        raise Http404(_("This link is not valid, or its target no longer exists."))


class ReadAnnouncement(LoginRequiredMixin, DetailView):
    template_name = "notifications/announcement.html"

    def get_queryset(self) -> QuerySet[Announcement]:
        sent = Announcement.objects.exclude(state=Announcement.State.DRAFT)
        is_staff = self.request.user.is_staff
        return sent if is_staff else sent.exclude(audience=Announcement.Audience.STAFF)
