"""The home page, and the pages for what goes wrong."""

import logging
import sqlite3
import sys
from typing import Any

import psycopg
from allauth.core import ratelimit
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import redirect, render
from django.template.loader import get_template
from django.urls import reverse
from django.utils.log import log_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers
from django.views.defaults import bad_request, page_not_found, permission_denied

from home import samples
from home.overview import channel_rows
from newsletters.views.subscribing import own_address

logger = logging.getLogger(__name__)

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
    """The page for an unexpected error; 503 with Retry-After where the database is only busy.

    Rendered without request and context processors: the database may be what is broken.
    """
    context = {"site_name": settings.SITE_NAME}
    error = sys.exception()
    if not _is_busy(error):
        return HttpResponseServerError(get_template("500.html").render(context))
    page = get_template("503.html").render(context)
    response = HttpResponse(page, status=503, headers={"Retry-After": BUSY_SECONDS})
    # Django logs a response once. It would log an error, which emails ADMINS for every request.
    busy = "The database is busy (%s): %s"
    log_response(busy, error, request.path, response=response, logger=logger, level="warning")
    return response


BUSY_SECONDS = 5
# Too many connections, lock not available, starting up, deadlock, serialization failure.
BUSY_STATES = {"53300", "55P03", "57P03", "40P01", "40001"}


def _is_busy(error: BaseException | None) -> bool:
    """True for a locked SQLite, an exhausted pool, or a PostgreSQL that takes no connection."""
    if not isinstance(error, OperationalError):
        return False
    cause = error.__cause__ or error
    if isinstance(cause, psycopg.OperationalError):  # no state: it never connected
        return cause.sqlstate is None or cause.sqlstate in BUSY_STATES
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
