"""Links that speak for the owner of an address, without a sign-in. docs/links.md has the table.

Signed with SECRET_KEY, and still good with a key in SECRET_KEY_FALLBACKS. Emails are forwarded with
their links, so a link that never expires is good for one subscription only. After a change of
address the links in the old mailbox unsubscribe, and do nothing else.
"""

from datetime import timedelta
from typing import Any

from django.core.signing import BadSignature, TimestampSigner

from mailroom.addresses import address_key
from mailroom.signing import QuickSigner
from newsletters.models import Subscription

CONFIRM_WITHIN = timedelta(days=7)
OPEN_WITHIN = timedelta(hours=1)

# Letters, digits, - _ and . only: mail programs don't break or re-encode such a link.
_confirm = TimestampSigner(salt="newsletters.confirm", sep=".")
_access = TimestampSigner(salt="newsletters.access", sep=".")
_member = QuickSigner(salt="newsletters.member", sep=".")


def confirm_token(subscription: Subscription) -> str:
    """For the confirmation email. Ends when the person leaves, or changes the address."""
    named = {"s": subscription.pk, "left": _left(subscription)}
    return _confirm.sign_object({**named, **_version(subscription.moves)})


def to_confirm(token: str) -> Subscription | None:
    """The subscription that a token may confirm (or did), None for a bad, old or outdated one."""
    try:
        content = _confirm.unsign_object(token, max_age=CONFIRM_WITHIN)
    except _BAD:
        return None
    found = _subscription(content)
    is_current = found and _left(found) == content.get("left") and _is_current(found, content)
    return found if is_current else None


def member_token(subscription_id: int | str, delivery_id: int | None = None, moves: int = 0) -> str:
    """For the links in every issue: unsubscribe, and preferences. One signature, no query.

    delivery_id: the email that the link is in, to know which one led to unsubscribing.
    moves: how often the subscription has changed its address (`Subscription.moves`).
    """
    named = {"d": delivery_id} if delivery_id else {}
    return _member.sign_object({"s": int(subscription_id), **named, **_version(moves)})


def member(token: str) -> Subscription | None:
    """The subscription a token of an issue speaks for, None for a forged one or a deleted row."""
    try:
        return _subscription(_member.unsign_object(token))
    except _BAD:
        return None


def current_member(token: str) -> Subscription | None:
    """As `member`, but None once the subscription has moved to another address."""
    try:
        content = _member.unsign_object(token)
    except _BAD:
        return None
    found = _subscription(content)
    return found if found and _is_current(found, content) else None


def access_token(address: str) -> str:
    """For the email that opens all data of an address for an hour."""
    return _access.sign_object({"a": address_key(address)})


def address_of(token: str) -> str:
    """Return the key of the address whose data a token opens; "" for a bad or old one."""
    try:
        return str(_access.unsign_object(token, max_age=OPEN_WITHIN)["a"])
    except _BAD:
        return ""


def is_ours(token: str) -> bool:
    """Whether we signed a token of an issue, be its subscription still there or not."""
    try:
        _member.unsign_object(token)
    except _BAD:
        return False
    return True


def delivery_id_of(token: str) -> int | None:
    """The id of the delivery whose link this is; None for one of another page."""
    try:
        named: int | None = _member.unsign_object(token).get("d")
    except _BAD:
        return None
    return named


def _subscription(content: Any) -> Subscription | None:
    rows = Subscription.objects.select_related("newsletter")
    return rows.filter(pk=content["s"]).first()


def _version(moves: int) -> dict[str, int]:
    return {"v": moves} if moves else {}


def _is_current(subscription: Subscription, content: Any) -> bool:
    return subscription.moves == content.get("v", 0)


def _left(subscription: Subscription) -> str | None:
    left = subscription.unsubscribed_at
    return left.isoformat() if left else None


# Signed by us, so the content is ours; ValueError covers base64 and JSON that are none.
_BAD = (BadSignature, ValueError)
