"""Sending again: asked with numbers first, done when confirmed, and written into the history."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailroom.models import Delivery
from mailroom.models.delivery import DeliveryQuerySet
from mailroom.models.queries import BATCH
from mailroom.outbox.control import queue_again

if TYPE_CHECKING:
    from mailroom.admin.delivery import DeliveryAdmin


def ask_or_do(
    admin: "DeliveryAdmin", request: HttpRequest, chosen: DeliveryQuerySet
) -> HttpResponse | None:
    """The action of the list: a page that asks, or, once confirmed, the sending."""
    if request.POST.get("confirmed"):
        _queue(admin, request, chosen)
        return None
    return _ask(admin, request, chosen)


def send_one_again(admin: "DeliveryAdmin", request: HttpRequest, pk: int) -> HttpResponse:
    """The page of one delivery: GET asks, POST sends."""
    if not admin.has_again_permission(request) or not admin.has_view_permission(request):
        raise PermissionDenied
    chosen = Delivery.objects.filter(pk=pk)
    if request.method != "POST":
        return _ask(admin, request, chosen)
    _queue(admin, request, chosen)
    return redirect("admin:mailroom_delivery_change", pk)


def _ask(admin: "DeliveryAdmin", request: HttpRequest, chosen: DeliveryQuerySet) -> HttpResponse:
    able = chosen.retryable()
    context: dict[str, Any] = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": _("Send again"),
        "able": able.count(),
        "uncertain": able.filter(state=Delivery.State.UNCERTAIN).count(),
        "unable": chosen.count() - able.count(),
        "examples": able.order_by("pk")[:10],
        "action": request.POST.get("action", ""),
        "across": request.POST.get("select_across", "0"),
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return render(request, "mailroom/admin/delivery/send_again.html", context)


def _queue(admin: "DeliveryAdmin", request: HttpRequest, chosen: DeliveryQuerySet) -> None:
    queued, last = 0, 0
    assert request.user.pk is not None  # admin_view let nobody else in
    able = chosen.order_by("pk").retryable()
    while ids := list(able.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH]):
        last = ids[-1]
        queued += queue_again(Delivery.objects.filter(pk__in=ids))
        rows = Delivery.objects.filter(pk__in=ids).only("pk", "address")
        LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, _("Sent again."))
    text = ngettext("%d delivery is queued again.", "%d deliveries are queued again.", queued)
    admin.message_user(request, text % queued, messages.SUCCESS if queued else messages.WARNING)
