"""Links that speak for the reader of a mail, without a log-in: for their choices, nothing else.

Signed with SECRET_KEY, and still good with a key in SECRET_KEY_FALLBACKS. They don't run out: a
mail that is years old must still let its reader switch its kind off.
"""

from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.signing import BadSignature, Signer

from notifications.models import Notification

DIGEST = "digest"  # in place of a kind: the mail that brings several

# Letters, digits, - _ and . only: mail programs don't break or re-encode such a link.
_choices = Signer(salt="notifications.choices", sep=".")
_visit = Signer(salt="notifications.visit", sep=".")


class Reader(NamedTuple):
    """Whom a token speaks for, and the kind of the mail that it stood in."""

    user: Any
    kind: str


def make(user_id: int, kind: str) -> str:
    return _choices.sign_object({"u": user_id, "k": kind})


def read(token: str) -> Reader | None:
    """None for a token that is forged, or whose user is gone or switched off."""
    try:
        content = _choices.unsign_object(token)
    except _BAD:
        return None
    user = get_user_model().objects.filter(pk=content["u"], is_active=True).first()
    return Reader(user, content["k"]) if user else None


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
