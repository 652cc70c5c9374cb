"""Pages whose address opens an account must not be kept or told to others."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

SECRET_PATHS = ("/accounts/password/reset/", "/accounts/confirm-email/")


class SecretPathsMiddleware:
    """`no-store` and `no-referrer` for pages that are reached by a link with a key in it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(SECRET_PATHS):
            response["Cache-Control"] = "no-store"
            response["Referrer-Policy"] = "no-referrer"
        return response
