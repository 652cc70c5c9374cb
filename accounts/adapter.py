"""Where allauth hands its e-mails over: to the right channel, with links on PUBLIC_URL."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.forms import Form
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation

from accounts import devices
from accounts.emails import account_message
from accounts.models import User
from mailroom.addresses import address_key
from mailroom.links import public_url


class AccountAdapter(DefaultAccountAdapter):
    """Every e-mail of allauth passes `send_mail`; every link in one comes from the other two."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        account_message(template_prefix, email, context).send()

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """With the user named: after a change of address, the old one no longer finds them."""
        told = {**(context or {}), "user": user}
        super().send_notification_mail(template_prefix, user, told, email)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return public_url("account_confirm_email", emailconfirmation.key)

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return public_url("home") + path.lstrip("/").replace("UID-KEY", key)

    def login(self, request: HttpRequest, user: User) -> None:
        is_first = user.last_login is None
        super().login(request, user)
        devices.notice(request, user, is_first=is_first)

    def send_account_already_exists_mail(self, email: str) -> None:
        self.send_mail("account/email/account_already_exists", email, {})

    def get_client_ip(self, request: HttpRequest) -> str:
        """By X-Forwarded-For, as often as we know proxies; else who is connected to us.

        A header that names fewer came past a proxy: allauth would fail, and so the page.
        """
        try:
            return super().get_client_ip(request)
        except (ImproperlyConfigured, PermissionDenied):
            return str(request.META.get("REMOTE_ADDR") or "unknown")

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """allauth puts the Host header in, whose port anybody may choose: a limit for each port."""
        return address_key(str(credentials.get("email", "")))

    def save_user(self, request: HttpRequest, user: User, form: Form, commit: bool = True) -> User:
        user.name = form.cleaned_data.get("name", "")
        user.language = translation.get_language() or user.language
        return super().save_user(request, user, form, commit)
