"""The home page, and the pages for what goes wrong."""

from typing import Any

from allauth.core import ratelimit
from django.conf import settings
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import redirect, render
from django.template.loader import get_template
from django.urls import reverse
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe
from django.views.defaults import bad_request, page_not_found, permission_denied

from newsletters.views.subscribing import own_address
from site_config import specimens
from site_config.overview import channel_rows

__all__ = [
    "Specimens",
    "bad_request",
    "home",
    "page_not_found",
    "permission_denied",
    "server_error",
    "stop_specimens",
]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this site shows, live: its channels and the mailers that carry them."""
    return render(request, "home.html", {"channels": channel_rows(), **_specimens(request)})


class Specimens(LoginRequiredMixin, View):
    """POST sends the signed-in person one of each kind of mail; GET tells where they are."""

    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("HX-Request") != "true":
            return redirect(f"{reverse('home')}#specimens")
        context = {"channels": channel_rows(), "is_live": True, **_specimens(request)}
        return render(request, "_specimens.html#live", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        address = own_address(request)
        if not address:
            raise PermissionDenied
        if not ratelimit.consume(request, action="specimens"):
            return ratelimit.respond_429(request)
        specimens.send_each(address)
        return redirect(f"{reverse('home')}#specimens")


@csrf_exempt  # mail programs post it, without a cookie; it changes nothing
@require_http_methods(["GET", "HEAD", "POST"])
def stop_specimens(request: HttpRequest) -> HttpResponse:
    """The one click out of a specimen (RFC 8058): none comes unless it is asked for."""
    if request.method == "POST":
        return HttpResponse(status=204)
    return redirect(f"{reverse('home')}#specimens")


def _specimens(request: HttpRequest) -> dict[str, Any]:
    address = own_address(request)
    found = specimens.sightings(address) if address else []
    return {
        "own_address": address,
        "sightings": found,
        "is_under_way": any(one.is_under_way for one in found),
    }


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without request and context processors: the database may be what is broken."""
    page = get_template("500.html").render({"site_name": settings.SITE_NAME})
    return HttpResponseServerError(page)
