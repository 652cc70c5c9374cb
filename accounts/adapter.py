"""allauth's adapter: emails go to their channels, with links below PUBLIC_URL."""

import time
from ipaddress import ip_address
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.core import context as allauth_context
from allauth.core.exceptions import ReauthenticationRequired
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.forms import Form
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts import known_devices, pending
from accounts.emails import account_message
from accounts.models import User
from mailroom.addresses import address_key
from mailroom.messages.links import public_url


class AccountAdapter(DefaultAccountAdapter):
    """All of allauth's emails pass through `send_mail`; the two URL methods make their links."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        account_message(template_prefix, email, context).send()

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Pass the user on: after a change of address, the old address no longer finds them."""
        details = {**(context or {}), "user": user}
        super().send_notification_mail(template_prefix, user, details, email)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return public_url("account_confirm_email", emailconfirmation.key)

    def get_reset_password_from_key_url(self, key: str) -> str:
        url = public_url("account_reset_password_from_key", uidb36="UID", key="KEY")
        return url.replace("UID-KEY", key)

    def login(self, request: HttpRequest, user: User) -> None:
        is_first = user.last_login is None
        super().login(request, user)
        request.session.pop(pending.KEY, None)
        # allauth asks for the password again right after a sign-in, unless it is recorded as one.
        record_authentication(request, user, method="sign_in", reauthenticated=True)
        known_devices.remember_sign_in(request, user, is_first=is_first)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Like allauth's, except for accounts with neither password nor second factor.

        allauth asks them for nothing; here they sign in again. Raises ReauthenticationRequired.
        """
        is_required: bool = super().is_reauthentication_required(app=app, **kwargs)
        request = allauth_context.request
        if is_required and not get_reauthentication_flows(request.user):
            if not _signed_in_recently(request):
                raise ReauthenticationRequired
            return False
        return is_required

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if user.is_authenticated and not methods:
            url = reverse("account_sign_in_again")
            return [{"id": "sign_in_again", "description": _("Sign in again"), "url": url}]
        return methods

    def send_account_already_exists_mail(self, email: str) -> None:
        self.send_mail("account/email/account_already_exists", email, {})

    def is_safe_url(self, url: str | None) -> bool:
        """Like allauth's, but False for a text that is no URL; allauth would raise."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The visitor's address from X-Forwarded-For, or else the address of the connection.

        If the header names fewer addresses than there are proxies, allauth would raise. An IPv4
        address that a server writes as IPv6 (::ffff:9.9.9.9, RFC 4291 section 2.5.5.2) becomes
        IPv4 again: limits count networks of IPv6, and all of IPv4 would be one.
        """
        try:
            ip: str = super().get_client_ip(request)
        except (ImproperlyConfigured, PermissionDenied):
            return str(request.META.get("REMOTE_ADDR") or "unknown")
        return str(getattr(ip_address(ip), "ipv4_mapped", None) or ip)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count failures per address, and separately for each of its known devices.

        Someone who guesses a password uses up the attempts of strangers, not those of the owner.
        (allauth also counts by the Host header, whose port visitors can choose.)
        """
        email = str(credentials.get("email", ""))
        return known_devices.known_device(request, email) or address_key(email)

    def save_user(self, request: HttpRequest, user: User, form: Form, commit: bool = True) -> User:
        user.name = form.cleaned_data.get("name", "")
        user.time_zone = form.cleaned_data.get("time_zone") or user.time_zone
        user.language = translation.get_language() or user.language
        return super().save_user(request, user, form, commit)


def _signed_in_recently(request: HttpRequest) -> bool:
    records = get_authentication_records(request, request.user)
    latest = max((one["at"] for one in records if one.get("reauthenticated")), default=0)
    recently: bool = time.time() - latest < app_settings.REAUTHENTICATION_TIMEOUT
    return recently
