"""The site's addresses as in development, and some that go wrong."""

from typing import NoReturn

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest
from django.urls import include, path

from site_config import urls

ERRORS = {"500": RuntimeError, "403": PermissionDenied, "400": SuspiciousOperation}


def fail(request: HttpRequest, status: str) -> NoReturn:
    raise ERRORS[status]("secret detail")


def fail_with_secrets(request: HttpRequest) -> NoReturn:
    password = request.POST["password"]
    try:
        raise KeyError({"api_key": password, "user": "ann"})
    except KeyError as error:
        error.add_note(f"?token={password}")
        raise ExceptionGroup(f"password={password}", [error]) from error


handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500

urlpatterns = [
    path("fail/with/secrets/", fail_with_secrets),
    path("fail/<str:status>/", fail),
    path("", include("sandbox.urls")),
    *urls.urlpatterns,
]
