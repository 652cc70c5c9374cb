"""The home page, and the pages for what goes wrong."""

from typing import Any

from allauth.core import ratelimit
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import redirect, render
from django.template.loader import get_template
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers
from django.views.defaults import bad_request, page_not_found, permission_denied

from home import samples
from home.overview import channel_rows
from newsletters.views.subscribing import own_address

__all__ = [
    "bad_request",
    "home",
    "page_not_found",
    "permission_denied",
    "send_samples",
    "server_error",
    "stop_samples",
]


@require_safe
@vary_on_headers("HX-Request")
def home(request: HttpRequest) -> HttpResponse:
    """What this site shows, live: its channels, their providers, and the visitor's own samples.

    To htmx, only what moves: the samples and the counts of the channels.
    """
    is_live = request.headers.get("HX-Request") == "true"
    template = "_samples.html#live" if is_live else "home.html"
    context = {"channels": channel_rows(), "is_live": is_live, **_samples(request)}
    return render(request, template, context)


@require_http_methods(["GET", "POST"])
@login_required
def send_samples(request: HttpRequest) -> HttpResponse:
    """Send the signed-in person one sample of each kind of email; GET, as after a sign-in, none."""
    if request.method == "GET":
        return redirect(f"{reverse('home')}#samples")
    address = own_address(request)
    if not address:
        raise PermissionDenied
    if not ratelimit.consume(request, action="samples"):
        return ratelimit.respond_429(request)
    samples.send_each(address)
    return redirect(f"{reverse('home')}#samples")


@csrf_exempt  # mail programs post it, without a cookie; it changes nothing
@require_http_methods(["GET", "HEAD", "POST"])
def stop_samples(request: HttpRequest) -> HttpResponse:
    """Answer the one-click unsubscribe of a sample (RFC 8058): none comes unless asked for."""
    if request.method == "POST":
        return HttpResponse(status=204)
    return redirect(f"{reverse('home')}#samples")


def _samples(request: HttpRequest) -> dict[str, Any]:
    address = own_address(request)
    found = samples.last_samples(request, address) if address else []
    return {
        "own_address": address,
        "samples": found,
        "is_under_way": any(one.is_under_way for one in found),
    }


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without request and context processors: the database may be what is broken."""
    page = get_template("500.html").render({"site_name": settings.SITE_NAME})
    return HttpResponseServerError(page)
