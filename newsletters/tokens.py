"""Links that speak for the owner of an address, without a log-in.

Signed with SECRET_KEY, and still good with a key in SECRET_KEY_FALLBACKS. Each names one
subscription, and the delivery it was sent in. A newsletter in an old mailbox must still let its
reader out: only the link that *confirms* runs out.
"""

from datetime import timedelta
from typing import Any

from django.core.signing import BadSignature, TimestampSigner

from mailroom.keyed import QuickSigner
from newsletters.models import Subscription

CONFIRM_WITHIN = timedelta(days=7)

# Letters, digits, - _ and . only: mail programs don't break or re-encode such a link.
_confirm = TimestampSigner(salt="newsletters.confirm", sep=".")
_member = QuickSigner(salt="newsletters.member", sep=".")


def confirm_token(subscription: Subscription) -> str:
    """For the confirmation mail. Worthless once the person has left after it was made."""
    return _confirm.sign_object({"s": subscription.pk, "left": _left(subscription)})


def to_confirm(token: str) -> Subscription | None:
    """The subscription that a token may confirm (or did), None for a bad, old or outdated one."""
    try:
        content = _confirm.unsign_object(token, max_age=CONFIRM_WITHIN)
    except _BAD:
        return None
    found = _subscription(content)
    return found if found and _left(found) == content.get("left") else None


def member_token(subscription_id: int | str, delivery_id: int | None = None) -> str:
    """For the links in every issue: leave, and preferences. One signature, no query.

    delivery_id: the mail that the link stands in, so that leaving by it is known to be about it.
    """
    named = {"d": delivery_id} if delivery_id else {}
    return _member.sign_object({"s": int(subscription_id), **named})


def member(token: str) -> Subscription | None:
    """The subscription a token of an issue speaks for, None for a forged one or a deleted row."""
    try:
        return _subscription(_member.unsign_object(token))
    except _BAD:
        return None


def is_ours(token: str) -> bool:
    """Whether we signed a token of an issue, be its subscription still there or not."""
    try:
        _member.unsign_object(token)
    except _BAD:
        return False
    return True


def delivery_of(token: str) -> int | None:
    """The id of the delivery whose link this is; None for one of another page."""
    try:
        named: int | None = _member.unsign_object(token).get("d")
    except _BAD:
        return None
    return named


def _subscription(content: Any) -> Subscription | None:
    rows = Subscription.objects.select_related("newsletter")
    return rows.filter(pk=content["s"]).first()


def _left(subscription: Subscription) -> str | None:
    left = subscription.unsubscribed_at
    return left.isoformat() if left else None


# Signed by us, so the content is ours; ValueError covers base64 and JSON that are none.
_BAD = (BadSignature, ValueError)
