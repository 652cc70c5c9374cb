"""The site's addresses as in development, and some that go wrong."""

from typing import NoReturn

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest
from django.urls import include, path

from site_config import urls

ERRORS = {"500": RuntimeError, "403": PermissionDenied, "400": SuspiciousOperation}


def fail(request: HttpRequest, status: str) -> NoReturn:
    raise ERRORS[status]("secret detail")


handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500

urlpatterns = [
    path("fail/<str:status>/", fail),
    path("", include("sandbox.urls")),
    *urls.urlpatterns,
]
