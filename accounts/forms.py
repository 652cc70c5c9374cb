"""Forms for accounts: allauth's, with a name, and levelled so that they tell nothing."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account import fields as allauth_fields
from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.core import context, ratelimit
from allauth.mfa.base import forms as mfa
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import pending
from accounts.enumeration import pretend_login_code, pretend_reset
from accounts.known_devices import known_device
from accounts.models import User, no_control_characters
from accounts.time_zones import zones
from accounts.transactions import hash_of
from mailroom.addresses import AddressFormField


class EmailField(AddressFormField, allauth_fields.EmailField):
    """allauth's field, of which the key of an address comes."""


class LoginForm(allauth_forms.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = EmailField()


class AddEmailForm(allauth_forms.AddEmailForm):
    email = EmailField()


class ChangeEmailForm(allauth_forms.ChangeEmailForm):
    email = EmailField()


class SignupForm(allauth_forms.SignupForm):
    """allauth's form with a name."""

    email = EmailField()

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        required=False,
        validators=[no_control_characters],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    # Filled in by time-zone.js; the profile has it for browsers without scripts.
    time_zone = forms.CharField(max_length=63, required=False, widget=forms.HiddenInput)

    field_order = ("name", "email", "password1", "password2", "time_zone")

    def clean_time_zone(self) -> str:
        zone = self.cleaned_data["time_zone"]
        return zone if zone in zones() else "UTC"

    def try_save(self, request: HttpRequest) -> tuple[User | None, Any]:
        result: tuple[User | None, Any] = super().try_save(request)
        user = result[0]
        # A new account costs a hash: without one here, the time would tell the two apart.
        password = user.password if user else hash_of(self.cleaned_data["password1"])
        pending.Waiting(
            email=self.cleaned_data["email"],
            name=self.cleaned_data["name"],
            password=password,
            time_zone=self.cleaned_data["time_zone"],
        ).remember(request)
        return result


class CorrectAddressForm(forms.Form):
    """Another address for a sign-up that waits for its confirmation."""

    email = EmailField(label=_("Email address"))


class ResetPasswordForm(allauth_forms.ResetPasswordForm):
    """allauth's form, which does as much for an unknown address as for a known one."""

    email = EmailField()

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        # A refusal would lock out whose address it is, while others ask in their name: the mails
        # before that one hold a good link.
        if not ratelimit.consume(request, action="reset_address", key=self.cleaned_data["email"]):
            return str(self.cleaned_data["email"])
        if not self.users:
            pretend_reset(self.cleaned_data["email"])
        email: str = super().save(request, **kwargs)
        return email


class RequestLoginCodeForm(allauth_forms.RequestLoginCodeForm):
    """allauth's form, which does as much for an unknown address as for a known one."""

    email = EmailField()

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        try:
            super().clean_email()
        except forms.ValidationError:  # too many codes were requested for this address
            self._user = self._owner_on_known_device(email)
            if not self._user:
                raise
        if not self._user:
            pretend_login_code(email)
        return email

    def _owner_on_known_device(self, email: str) -> User | None:
        """The account, if this browser is known to it and has attempts of its own left."""
        request = context.request
        device = known_device(request, email)
        if device and ratelimit.consume(request, action="request_login_code", key=device):
            return User.objects.filter(email=email, is_active=True).first()
        return None


def _with_own_attempts(user: User, clean: Callable[[], Any]) -> Any:
    """Check a second factor, with attempts of its own for a browser that the account knows.

    Someone else who has the password uses up the attempts of strangers, not the owner's. Each of
    the owner's, which are as few, forgets those of strangers: allauth has one limit for all.
    """
    request, limit = context.request, "login_failed"
    if not (device := known_device(request, user.email)):
        return clean()
    if not ratelimit.consume(request, action=limit, key=f"mfa {device}"):
        raise get_adapter().validation_error("too_many_login_attempts")
    ratelimit.clear(request, action=limit, key=f"mfa-auth-user-{user.pk}")
    found = clean()
    ratelimit.clear(request, action=limit, key=f"mfa {device}")
    return found


class AuthenticateForm(mfa.AuthenticateForm):
    def clean_code(self) -> str:
        code: str = _with_own_attempts(self.user, super().clean_code)
        return code


class ReauthenticateForm(mfa.ReauthenticateForm):
    def clean_code(self) -> str:
        code: str = _with_own_attempts(self.user, super().clean_code)
        return code


class CredentialField(forms.JSONField):
    """What a browser says about a passkey. Whoever posts it by hand can nest it without end."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (RecursionError, ValueError):  # nested too deep, or a number of 5,000 digits
            raise get_adapter().validation_error("incorrect_code") from None


class PasskeyMixin:
    """Answers a credential of the wrong shape with an error of the form."""

    def clean_credential(self) -> Any:
        clean = super().clean_credential  # type: ignore[misc]
        with _incorrect_if_malformed():
            user = self.user  # type: ignore[attr-defined]
            return _with_own_attempts(user, clean) if user else clean()


class AuthenticateWebAuthnForm(PasskeyMixin, webauthn.AuthenticateWebAuthnForm):
    credential = CredentialField()


class LoginWebAuthnForm(PasskeyMixin, webauthn.LoginWebAuthnForm):
    credential = CredentialField()


class ReauthenticateWebAuthnForm(PasskeyMixin, webauthn.ReauthenticateWebAuthnForm):
    credential = CredentialField()


class AddWebAuthnForm(webauthn.AddWebAuthnForm):
    credential = CredentialField()

    def clean(self) -> Any:
        with _incorrect_if_malformed():
            return super().clean()


@contextmanager
def _incorrect_if_malformed() -> Iterator[None]:
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error):
        raise get_adapter().validation_error("incorrect_code") from None


class DeleteAccountForm(forms.Form):
    sure = forms.BooleanField(label=_("Yes, delete my account and all data about me"))


class ProfileForm(forms.ModelForm):
    """What people may change about themselves without proving again who they are."""

    time_zone = forms.ChoiceField(label=_("Time zone"))

    class Meta:
        model = User
        fields = ("name", "language", "time_zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(zone, zone.replace("_", " ")) for zone in zones()]
