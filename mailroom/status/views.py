from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from mailroom.models import MailAccount
from mailroom.status import figures
from mailroom.status.actions import POST_ACTIONS

MAY_LOOK = ("mailroom.view_mailerhealth", "mailroom.manage_mailers")


@require_safe
@never_cache
@staff_member_required
def status(request: HttpRequest) -> HttpResponse:
    """The page; htmx asks again and again for its live parts alone.

    Raises PermissionDenied for staff who may neither view the providers' health nor manage them.
    """
    if not any(map(request.user.has_perm, MAY_LOOK)):
        raise PermissionDenied
    is_live = request.headers.get("HX-Request") == "true"
    template = "mailroom/status.html#live" if is_live else "mailroom/status.html"
    return render(request, template, _context(request) | {"is_live": is_live})


@require_POST
@staff_member_required
@permission_required("mailroom.manage_mailers", raise_exception=True)
def act(request: HttpRequest) -> HttpResponse:
    """Do what a button of the page says to a provider."""
    alias, wanted = request.POST.get("alias", ""), request.POST.get("do", "")
    is_known = alias in settings.MAILER_URLS or MailAccount.objects.by_alias(alias) is not None
    if not is_known or wanted not in POST_ACTIONS:
        return HttpResponseBadRequest()
    level, text = POST_ACTIONS[wanted](alias, request)
    messages.add_message(request, level, text)
    return redirect("mail_status")


def _context(request: HttpRequest) -> dict[str, Any]:
    return {
        "providers": figures.provider_figures(),
        "costs": figures.month_costs(),
        "accounts": MailAccount.objects.count(),
        "most_accounts": figures.ACCOUNTS_SHOWN,
        "queues": figures.queue_figures(),
        "workers": figures.workers_alive(),
        "may_act": request.user.has_perm("mailroom.manage_mailers"),
    }
