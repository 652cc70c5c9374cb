"""What holds for every request: secrets are not kept, and times are those of who looks."""

from collections.abc import Callable
from contextlib import nullcontext

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.time_zones import zone_of

# Pages that show or lead to a secret, whether their address has one or not.
SECRET_PATHS = (
    "/accounts/password/reset/",
    "/accounts/confirm-email/",
    "/accounts/2fa/",
    "/accounts/mend/",
)
SECRET_PARTS = {"key", "token", "uidb36"}  # arguments of views: what a link in an email opens
REDIRECTS = {301, 302, 307, 308}
# What staff without a second factor can still use.
OWN_PATHS = ("/accounts/", "/i18n/")


class SecretPathsMiddleware:
    """`no-store` and `no-referrer` for pages that show or are reached by a secret.

    So is every error page and every redirect that no view made: what led there may be one of our
    links, cut off or mistyped.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if _is_secret(request, response):
            response["Cache-Control"] = "no-store"
            response["Referrer-Policy"] = "no-referrer"
        return response


def _is_secret(request: HttpRequest, response: HttpResponse) -> bool:
    if response.status_code >= 400 or request.path_info.startswith(SECRET_PATHS):
        return True
    match = request.resolver_match
    if match is None:
        return response.status_code in REDIRECTS
    return not SECRET_PARTS.isdisjoint(match.kwargs)


class StaffTwoFactorMiddleware:
    """With REQUIRE_TWO_FACTOR_FOR_STAFF, staff first set up a second factor.

    So does everybody else who was given a permission: the status page asks for no more. Until then
    only the pages of their account are open to them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _lacks_second_factor(request):
            text = _("Your role requires two-factor authentication. Please set it up first.")
            messages.warning(request, text)
            return redirect("mfa_index")
        return self.get_response(request)


def _lacks_second_factor(request: HttpRequest) -> bool:
    if not settings.REQUIRE_TWO_FACTOR_FOR_STAFF or request.path_info.startswith(OWN_PATHS):
        return False
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return False
    user = request.user
    if not (user.is_authenticated and (user.is_staff or user.get_all_permissions())):
        return False
    return not is_mfa_enabled(user, types=[Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN])


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
