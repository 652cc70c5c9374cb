"""Browsers that an account was used from before, remembered by a signed cookie."""

from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.account.signals import password_reset
from allauth.core import ratelimit
from django.conf import settings
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string, salted_hmac

from accounts.browsers import describe_browser
from accounts.models import User
from accounts.signals import new_device
from mailroom.addresses import address_key

COOKIE = "known_here"
SALT = "accounts.devices"
YEAR = 365 * 24 * 3600  # seconds
MARK_LENGTH = 32  # characters
ACCOUNTS_REMEMBERED = 10  # accounts that one browser remembers


def remember_sign_in(request: HttpRequest, user: User, *, is_first: bool) -> None:
    """Remember the browser of a sign-in, and send `new_device` if it is a new one.

    is_first: nobody has signed in to the account before, so any browser would be new.
    """
    if _mark(user) not in _known(request) and not is_first:
        ip = get_adapter().get_client_ip(request)
        browser = describe_browser(request.headers.get("User-Agent", ""))
        new_device.send(sender=User, user=user, ip=ip, browser=browser)
    remember(request, user)


def remember(request: HttpRequest, user: User) -> None:
    """Have DeviceMiddleware store in the cookie that the account was used from this browser."""
    mark = _mark(user)
    others = [one for one in _known(request) if one != mark]
    request.known_here = [mark, *others][:ACCOUNTS_REMEMBERED]  # type: ignore[attr-defined]


def known_device(request: HttpRequest, email: str) -> str:
    """Return a text that stands for this browser if the account was used from it, else "".

    Rate limits count by it, so that strangers cannot use up the owner's attempts. The cookie is
    signed: only a sign-in or a password reset makes one.
    """
    marks = _known(request)
    user = User.objects.filter(email=address_key(email)).first() if marks else None
    return request.COOKIES[COOKIE] if user and _mark(user) in marks else ""


def connect() -> None:
    """Remember a browser also after a password reset, and forget the failures of strangers."""
    password_reset.connect(_after_reset, dispatch_uid="accounts-known-after-reset")


def _after_reset(sender: object, request: HttpRequest, user: User, **kwargs: Any) -> None:
    for address in EmailAddress.objects.filter(user=user):
        ratelimit.clear(request, action="login_failed", key=address_key(address.email))
    remember(request, user)  # it proved that the mailbox is theirs


class DeviceMiddleware:
    """Set the cookie of browsers that `remember` was called for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if marks := getattr(request, "known_here", None):
            options: dict[str, Any] = {"httponly": True, "samesite": "Lax"}
            options["secure"] = settings.SESSION_COOKIE_SECURE
            options["path"] = settings.SESSION_COOKIE_PATH
            # At random, so that no two browsers count as one.
            value = ".".join([get_random_string(16), *marks])
            response.set_signed_cookie(COOKIE, value, SALT, max_age=YEAR, **options)
        return response


def _known(request: HttpRequest) -> list[str]:
    try:
        marks = str(request.get_signed_cookie(COOKIE, "", SALT, max_age=YEAR))
    except BadSignature:
        return []
    return [one for one in marks.split(".") if len(one) == MARK_LENGTH]


def _mark(user: User) -> str:
    """Stands for an account, and tells a stranger who finds the cookie nothing about it."""
    return salted_hmac(SALT, str(user.pk), algorithm="sha256").hexdigest()[:MARK_LENGTH]
