"""Mail to an account's address came back: its owner is told, and can show that it works again."""

from typing import Any

from allauth.account.signals import email_confirmed, password_reset
from django.contrib import messages
from django.contrib.auth.signals import user_logged_in
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from accounts.emails import owner_label
from accounts.models import User
from mailroom.message_types import message_type
from mailroom.messages import TemplatedMessage
from mailroom.messages.links import public_url
from mailroom.models import Suppression

_signer = TimestampSigner(salt="accounts.mending", sep=".")


def is_bounced(address: str) -> bool:
    rows = Suppression.objects.active().of(address)
    return rows.filter(reason=Suppression.Reason.BOUNCED).exists()


def warn_at_sign_in(sender: object, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """At log-in: nothing arrives, and here is what to do."""
    if is_bounced(user.email):
        text = _("Our emails to %(address)s bounce, so we have stopped sending them.")
        words = text % {"address": user.email}
        page = reverse("account_mend")
        sentence = format_html('{} <a href="{}">{}</a>', words, page, _("Fix this"))
        # A program that logs in has no messages to show, and no eyes.
        messages.warning(request, sentence, fail_silently=True)


def trial_email(user: User) -> TemplatedMessage:
    """A mail with a link that proves that it arrived."""
    token = _signer.sign_object({"user": user.pk, "email": user.email})
    return TemplatedMessage(
        "accounts.confirm_email",
        to=[user.email],
        context={
            "activate_url": public_url("account_mended", token),
            "email": user.email,
            "name": user.name,
        },
        language=user.language,
        owner=owner_label(user.pk),
    )


def proven_address(token: str) -> str:
    """The address that a link proves; "" for a link that is old, forged or of an address left."""
    lasts = message_type("accounts.confirm_email").lasts
    try:
        told = _signer.unsign_object(token, max_age=lasts)
    except (BadSignature, ValueError):
        return ""
    user = User.objects.filter(pk=told["user"]).first()
    return user.email if user and user.email == told["email"] else ""


def lift_suppression(sender: object, **kwargs: Any) -> None:
    """A link from a mail was followed: allauth confirmed an address, or reset a password."""
    confirmed = kwargs.get("email_address")
    user = kwargs.get("user")
    if address := getattr(confirmed or user, "email", ""):
        Suppression.objects.confirmed(address)


def connect() -> None:
    user_logged_in.connect(warn_at_sign_in, dispatch_uid="accounts-bounced")
    email_confirmed.connect(lift_suppression, dispatch_uid="accounts-confirmed")
    password_reset.connect(lift_suppression, dispatch_uid="accounts-reset")
