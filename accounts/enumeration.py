"""Equalise response times to prevent account enumeration."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.utils import user_pk_to_url_str
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction

from accounts.emails import account_message
from accounts.models import User


def pretend_reset(email: str) -> None:
    """What a reset for a known address costs."""
    nobody = _nobody(email)
    # Not allauth's generator: it would store an address for the user that it makes a token for.
    key = f"{user_pk_to_url_str(nobody)}-{default_token_generator.make_token(nobody)}"
    url = get_adapter().get_reset_password_from_key_url(key)
    _pretend("account/email/password_reset_key", email, {"user": nobody, "password_reset_url": url})


def pretend_login_code(email: str) -> None:
    """What a log-in code for a known address costs."""
    code = get_adapter().generate_login_code()
    _pretend("account/email/login_code", email, {"user": _nobody(email), "code": code})


def _nobody(email: str) -> User:
    return User(pk=0, email=email, name="", password="!")  # noqa: S106  (no password has that hash)


def _pretend(prefix: str, email: str, context: dict[str, Any]) -> None:
    """Make a mail for nobody, up to its row in the outbox, and take all of it back."""
    message = account_message(prefix, email, context)
    with transaction.atomic():
        message.send()
        transaction.set_rollback(True)
