"""The page on which providers are made to fail."""

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from sandbox.accounts import accounts
from sandbox.behaviour import PERSONAS, Mode, mode_of, set_mode

may_manage = permission_required("mailroom.manage_mailers", raise_exception=True)


@require_safe
@never_cache
@staff_member_required
@may_manage
def providers(request: HttpRequest) -> HttpResponse:
    """Show how each provider behaves, and which recipients something happens to."""
    _only_in_development()
    rows = [(account, mode_of(account.alias)) for account in accounts()]
    context = {"rows": rows, "modes": Mode.choices, "personas": PERSONAS}
    return render(request, "sandbox/providers.html", context)


@require_POST
@staff_member_required
@may_manage
def mode(request: HttpRequest) -> HttpResponse:
    """Make a provider behave as chosen."""
    _only_in_development()
    alias, wanted = request.POST.get("alias", ""), request.POST.get("mode", "")
    if wanted not in Mode.values or alias not in {one.alias for one in accounts()}:
        return HttpResponseBadRequest()
    set_mode(alias, Mode(wanted))
    told = {"alias": alias, "how": Mode(wanted).label}
    messages.success(request, _("%(alias)s %(how)s.") % told)
    return redirect("sandbox:providers")


def _only_in_development() -> None:
    if not settings.DEBUG:
        raise Http404
