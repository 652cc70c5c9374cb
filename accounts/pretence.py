"""The same work for an address without an account: time must not tell the two apart."""

from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.db import transaction

from accounts.models import User


def pretend_reset(email: str) -> None:
    """Make a reset mail for nobody, up to its row in the outbox, and take all of it back."""
    nobody = User(pk=0, email=email, name="", password="!")  # noqa: S106  (no password has that hash)
    key = f"{user_pk_to_url_str(nobody)}-{default_token_generator.make_token(nobody)}"
    adapter = get_adapter()
    context = {"user": nobody, "password_reset_url": adapter.get_reset_password_from_key_url(key)}
    with transaction.atomic():
        adapter.send_mail("account/email/password_reset_key", email, context)
        transaction.set_rollback(True)
