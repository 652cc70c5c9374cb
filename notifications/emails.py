"""The emails of this app: one function each. Sending is the caller's decision."""

from typing import Any

from mailroom.messages import TemplatedMessage
from mailroom.messages.links import public_url
from mailroom.messages.merge_fields import slot
from mailroom.models import Delivery
from notifications import tokens
from notifications.kinds import NotificationKind
from notifications.models import Announcement
from notifications.tokens import DIGEST

ANNOUNCEMENT_SLOTS = ("open_url", "switch_url", "preferences_url")


def notice(kind: NotificationKind, row: dict[str, Any], language: str) -> TemplatedMessage:
    """The mail of a kind in one language, with slots where each reader's own links will stand.

    row: the values that all notifications of the event share: data, actor, target_url.
    """
    writer = {"announcement": announcement}.get(kind.key)
    extra = writer(row["data"]) if writer else {}
    return TemplatedMessage(
        kind.message_type,
        to=[],
        context={
            **row["data"],
            **extra,
            **{name: slot(name) for name in ANNOUNCEMENT_SLOTS},
            "actor": row["actor"],
            "kind": kind,
        },
        language=language,
        headers={} if kind.required else switch_headers(),
    )


def announcement(data: dict[str, Any]) -> dict[str, Any]:
    """What the announcement's template needs beside the notification's own data."""
    row = Announcement.objects.get(pk=data["announcement"])
    return {"title": row.title, "body": row.body}


def digest(language: str, sections: list[Any], more: int) -> TemplatedMessage:
    """What happened since the last one. more: how many are left out for want of space."""
    return TemplatedMessage(
        "notifications.digest",
        to=[],
        context={
            "sections": sections,
            "more": more,
            "total": sum(len(group.lines) for one in sections for group in one.groups) + more,
            **{name: slot(name) for name in ANNOUNCEMENT_SLOTS},
        },
        language=language,
        headers=switch_headers(),
    )


def switch_headers() -> dict[str, str]:
    """The way out of this kind of mail, for mail programs (RFC 2369, RFC 8058)."""
    return {
        "List-Unsubscribe": f"<{slot('switch_url')}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def personal_values(delivery: Delivery) -> dict[str, str]:
    """The slots of one delivery, filled when it is sent."""
    user, kind = delivery.values["user"], delivery.values["kind"]
    switch = tokens.make_token(user, kind, delivery.address)
    opened = (
        public_url("notifications:list")
        if kind == DIGEST
        else public_url("notifications:visit", tokens.make_visit(delivery.values["notification"]))
    )
    return {
        "open_url": opened,
        "switch_url": public_url("notifications:switch", switch),
        "preferences_url": public_url("notifications:preferences"),
    }
