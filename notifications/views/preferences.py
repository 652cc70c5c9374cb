"""Notification settings, for the signed-in user, and the switch of a kind in its emails."""

from itertools import groupby
from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import TemplateView, View
from django.views.generic.edit import FormView

from mailroom.messages.links import is_one_click
from notifications import preferences, tokens
from notifications.forms import ScheduleForm
from notifications.kinds import Group, NotificationKind, Way, kinds_for
from notifications.models import DueDigest, Preference, Schedule
from notifications.preferences import wants
from notifications.retention import export

WAY_LABELS = {
    Way.INSTANT: gettext_lazy("Here and by email immediately"),
    Way.DIGEST: gettext_lazy("Here and in the digest"),
    Way.IN_APP: gettext_lazy("Only here"),
    Way.OFF: gettext_lazy("Not at all"),
}


class Preferences(LoginRequiredMixin, FormView):
    """Kind by kind, the rhythm of digests, and a pause."""

    template_name = "notifications/preferences.html"
    form_class = ScheduleForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"instance": Schedule.of(self.request.user)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        wish = wants(self.request.user)
        rows = [_row(kind, self._posted(kind) or wish[kind.key]) for kind in self._kinds()]
        groups = groupby(rows, key=lambda row: row["kind"].group)
        return super().get_context_data(
            groups=[(group.value, list(some)) for group, some in groups],
            **kwargs,
        )

    @transaction.atomic
    def form_valid(self, form: ScheduleForm) -> HttpResponse:
        for kind in self._kinds():
            if way := self._posted(kind):
                Preference.choose(self.request.user, kind, way)
        form.keep()
        DueDigest.objects.replan(self.request.user)
        messages.success(self.request, _("Your choices are saved."))
        return redirect(self.request.path)

    def _kinds(self) -> list[NotificationKind]:
        order = list(Group)
        return sorted(kinds_for(self.request.user), key=lambda kind: order.index(kind.group))

    def _posted(self, kind: NotificationKind) -> Way | None:
        wish = self.request.POST.get(kind.key, "")
        return Way(wish) if wish in kind.choices else None


def _row(kind: NotificationKind, current: Way) -> dict[str, Any]:
    choices = [(way.value, WAY_LABELS[way]) for way in kind.choices]
    return {"kind": kind, "current": current, "choices": choices}


@method_decorator(never_cache, name="dispatch")
class ReaderTokenMixin(View):
    """A page whose address is a secret: not cached, and not told to the pages it links to.

    needs_current: it is closed to links in a mailbox that the user has left.
    """

    needs_current = True

    @cached_property
    def reader(self) -> tokens.Reader:
        found = tokens.read_token(self.kwargs["token"])
        if found and (found.is_current or not self.needs_current):
            return found
        raise Http404(_("This link is not valid, or its account was deleted."))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.reader  # noqa: B018  (no method of a page with a bad token may run)
        response = super().dispatch(request, *args, **kwargs)
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex"
        return response


class PreferencesOf(ReaderTokenMixin):
    """A link in emails of earlier versions: to the switch of their kind.

    Emails are forwarded, so no link in one changes the settings of other kinds.
    """

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return redirect("notifications:switch", token)


@method_decorator(csrf_exempt, name="dispatch")
class Switch(ReaderTokenMixin, TemplateView):
    """Stop one kind of mail: the page, and the one-click POST of mailbox providers (RFC 8058)."""

    template_name = "notifications/switch.html"
    needs_current = False

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user, key, is_current = self.reader
        may = preferences.may_switch(key)
        return super().get_context_data(
            label=preferences.label_of(key),
            address=user.email if is_current else "",
            is_current=is_current,
            may_switch=may,
            is_on=may and bool(preferences.mailed(user, key)),
            may_undo=may and is_current and key != tokens.DIGEST,
            **kwargs,
        )

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        user, key, _is_current = self.reader
        if preferences.may_switch(key):
            preferences.switch_off(user, key)
        if is_one_click(request):
            return HttpResponse(_("Switched off."), content_type="text/plain; charset=utf-8")
        return redirect(request.path)


class SwitchBack(ReaderTokenMixin):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        user, key, _is_current = self.reader
        if preferences.may_switch(key) and key != tokens.DIGEST:
            preferences.switch_on(user, key)
        return redirect("notifications:switch", token)


class DownloadNotifications(LoginRequiredMixin, View):
    def get(self, request: HttpRequest) -> HttpResponse:
        headers = {"Content-Disposition": 'attachment; filename="notifications.json"'}
        return JsonResponse(export(request.user), headers=headers)
