"""The home page, and the pages for what goes wrong."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template.loader import get_template
from django.views.decorators.http import require_safe
from django.views.defaults import bad_request, page_not_found, permission_denied

from site_config.overview import channel_rows

__all__ = ["bad_request", "home", "page_not_found", "permission_denied", "server_error"]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this site shows, live: its channels and the mailers that carry them."""
    return render(request, "home.html", {"channels": channel_rows()})


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without request and context processors: the database may be what is broken."""
    page = get_template("500.html").render({"site_name": settings.SITE_NAME})
    return HttpResponseServerError(page)
