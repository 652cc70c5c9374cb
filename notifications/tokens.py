"""Links that speak for the recipient of an email, without signing in: for their choices only.

Signed with SECRET_KEY, and still good with a key in SECRET_KEY_FALLBACKS. They don't expire: an
email that is years old must still let its recipient switch its kind off. After a change of address
the links in the old mailbox can do that, and nothing else. docs/links.md has the table.
"""

from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.signing import BadSignature, Signer

from mailroom.addresses import address_key
from mailroom.signing import QuickSigner
from notifications.models import Notification

DIGEST = "digest"  # in place of a kind: the mail that brings several

# Letters, digits, - _ and . only: mail programs don't break or re-encode such a link.
_choices = Signer(salt="notifications.choices", sep=".")
_visit = Signer(salt="notifications.visit", sep=".")
_address = QuickSigner(salt="notifications.address")


class Reader(NamedTuple):
    """Whom a token speaks for, the kind of its email, and whether that went to their address."""

    user: Any
    kind: str
    is_current: bool


def make_token(user_id: int, kind: str, address: str) -> str:
    """For an email of a kind to an address of a user."""
    return _choices.sign_object({"u": user_id, "k": kind, "a": _proofs(address)[0]})


def read_token(token: str) -> Reader | None:
    """None for a token that is forged, or whose user is gone or switched off."""
    try:
        content = _choices.unsign_object(token)
    except _BAD:
        return None
    user = get_user_model().objects.filter(pk=content["u"], is_active=True).first()
    if user is None:
        return None
    return Reader(user, content["k"], content.get("a") in _proofs(user.email))


def _proofs(address: str) -> list[str]:
    """What stands for an address in a token, which must not name it; with the key of now first."""
    keys = (_address.key, *_address.fallback_keys)
    return [_address.signature(address_key(address), key)[:16] for key in keys]


def make_visit(notification_id: int) -> str:
    return _visit.sign_object({"n": notification_id})


def read_visit(token: str) -> Notification | None:
    """The notification that a mail was about, None for a forged token or a deleted row."""
    try:
        content = _visit.unsign_object(token)
    except _BAD:
        return None
    return Notification.objects.filter(pk=content["n"]).first()


# Signed by us, so the content is ours; ValueError covers base64 and JSON that are none.
_BAD = (BadSignature, ValueError)
