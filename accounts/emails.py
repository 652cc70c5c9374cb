"""The emails of this app: each of allauth's is sent as one of our types, with our template.

A new email of allauth needs a line here, an entry in the table of types and a template; a system
check reports what is missing.
"""

from typing import Any

from allauth.account.models import EmailAddress
from django.utils import translation

from accounts.browsers import describe_browser
from accounts.models import User
from mailroom.messages import TemplatedMessage

TYPES = {
    "account/email/account_already_exists": "accounts.account_already_exists",
    "account/email/email_changed": "accounts.email_changed",
    "account/email/email_confirm": "accounts.email_confirmed",
    "account/email/email_confirmation": "accounts.confirm_email",
    "account/email/email_confirmation_signup": "accounts.confirm_email",
    "account/email/email_deleted": "accounts.email_deleted",
    "account/email/login_code": "accounts.login_code",
    "account/email/password_changed": "accounts.password_changed",
    "account/email/password_reset": "accounts.password_was_reset",
    "account/email/password_reset_code": "accounts.password_reset_code",
    "account/email/password_reset_key": "accounts.password_reset",
    "account/email/password_set": "accounts.password_set",
    "account/email/unknown_account": "accounts.unknown_account",
    "mfa/email/recovery_codes_generated": "accounts.recovery_codes_generated",
    "mfa/email/totp_activated": "accounts.totp_activated",
    "mfa/email/totp_deactivated": "accounts.totp_deactivated",
    "mfa/email/webauthn_added": "accounts.webauthn_added",
    "mfa/email/webauthn_removed": "accounts.webauthn_removed",
}

# The values of allauth's context that our templates use. Its own links are built on the Host
# header, and its request and user contain more than an email needs.
VALUES = (
    "activate_url",
    "by_admin",
    "code",
    "deleted_email",
    "from_email",
    "ip",
    "password_reset_url",
    "timestamp",
    "to_email",
    "user_agent",
)


def account_message(prefix: str, email: str, context: dict[str, Any]) -> TemplatedMessage:
    """The message for one of allauth's emails, in the recipient's language.

    prefix: allauth's template prefix. context: allauth's, with the `user` if it names one.
    Raises LookupError for a prefix that has no type.
    """
    try:
        name = TYPES[prefix]
    except KeyError:
        raise LookupError(f"allauth's email {prefix!r} has no type in accounts.emails") from None
    user = context.get("user") or User.objects.filter(email=email).first()
    language = getattr(user, "language", None) or translation.get_language()
    values = {name: context[name] for name in VALUES if name in context}
    if "user_agent" in values:
        with translation.override(language):
            values["user_agent"] = describe_browser(values["user_agent"])
    return TemplatedMessage(
        name,
        to=[email],
        context={**values, "email": email, "name": _name(user, email)},
        language=language,
        owner=owner_label(user.pk) if user else "",
    )


def owner_label(user_id: int) -> str:
    """The `owner` of an account's emails, by which they are found whatever address they went to."""
    return f"account:{user_id}"


def _name(user: User | None, email: str) -> str:
    """The name for the greeting, or "" while the address is not confirmed.

    Otherwise a stranger could sign up with someone else's address, and an advertisement as name.
    """
    if user is None:
        return ""
    proven = EmailAddress.objects.filter(user_id=user.pk, email=email, verified=True)
    return user.name if proven.exists() else ""
