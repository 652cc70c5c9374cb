"""What holds for every request: secrets are not kept, and times are those of who looks."""

from collections.abc import Callable
from contextlib import nullcontext

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from accounts.time_zones import zone_of

# Pages with a key in their address, and those that show the secret of a second factor.
SECRET_PATHS = (
    "/accounts/password/reset/",
    "/accounts/confirm-email/",
    "/accounts/2fa/",
    "/accounts/mend/",
)


class SecretPathsMiddleware:
    """`no-store` and `no-referrer` for pages that show or are reached by a secret."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(SECRET_PATHS):
            response["Cache-Control"] = "no-store"
            response["Referrer-Policy"] = "no-referrer"
        return response


class LanguageMiddleware:
    """Pages in the language of the profile, unless this browser was told another.

    Behind Django's own, which knows cookie and browser. It also puts the language back.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_known = settings.SESSION_COOKIE_NAME in request.COOKIES
        if is_known and not request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME):
            language = getattr(request.user, "language", "")
            if translation.check_for_language(language):
                translation.activate(language)
                request.LANGUAGE_CODE = translation.get_language()
        return self.get_response(request)


class TimeZoneMiddleware:
    """Times on pages are in the time zone of the profile."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Strangers cost no query.
        is_known = settings.SESSION_COOKIE_NAME in request.COOKIES
        with timezone.override(zone_of(request.user)) if is_known else nullcontext():
            return self.get_response(request)
