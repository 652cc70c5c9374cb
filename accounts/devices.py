"""Browsers that an account was used from before: a signed cookie remembers, no table does."""

from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from accounts.models import User
from accounts.signals import new_device

COOKIE = "known_here"
SALT = "accounts.devices"
YEAR = 365 * 24 * 3600  # seconds
MOST = 10  # accounts that one browser remembers


def notice(request: HttpRequest, user: User, *, is_first: bool) -> None:
    """Remember the browser of a log-in; tell of it where it is a new one.

    is_first: the account was never logged in to before, so that any browser would be new.
    """
    known = _known(request)
    mark = _mark(user)
    if mark not in known and not is_first:
        ip = get_adapter().get_client_ip(request)
        browser = request.headers.get("User-Agent", "")[:200]
        new_device.send(sender=User, user=user, ip=ip, browser=browser)
    request.known_here = [mark, *(one for one in known if one != mark)][:MOST]  # type: ignore[attr-defined]


class DeviceMiddleware:
    """Gives the browser the cookie that a log-in has made."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if marks := getattr(request, "known_here", None):
            options: dict[str, Any] = {"httponly": True, "samesite": "Lax"}
            options["secure"] = settings.SESSION_COOKIE_SECURE
            value = ".".join(marks)
            response.set_signed_cookie(COOKIE, value, SALT, max_age=YEAR, **options)
        return response


def _known(request: HttpRequest) -> list[str]:
    try:
        return str(request.get_signed_cookie(COOKIE, "", SALT, max_age=YEAR)).split(".")
    except BadSignature:
        return []


def _mark(user: User) -> str:
    """Stands for an account, and tells a stranger who finds the cookie nothing about it."""
    return salted_hmac(SALT, str(user.pk), algorithm="sha256").hexdigest()[:32]
