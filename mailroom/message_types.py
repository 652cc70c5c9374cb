"""Message types: the channel, class and lifetime of each email."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from django.conf import settings

# RFC 3834 section 5: automatic replies, and notices that no email asked for.
AUTO_GENERATED = {"Auto-Submitted": "auto-generated"}


@dataclass(frozen=True, kw_only=True)
class MessageType:
    """One row of the table of types.

    channel: alias in MAILERS that sends it.
    bulk: opt-outs and complaints stop it, and it waits as `uncertain` when its outcome is unknown;
        a transactional one is stopped by neither, and is sent again.
    lasts: how long after queueing it is still worth sending; None for no limit.
    asked: the person asked for it with this address: tried once a day even if that has bounced.
    secret: its bodies contain a link or code that opens an account; they are erased after sending.
    routable: mail accounts and routers may send it although it contains a secret.
    headers: added to each message of the type.
    personal: dotted path of `f(delivery) -> dict[str, str]`, the merge values of a delivery.
    gate: dotted path of `f(deliveries) -> dict[pk, reason]`, deliveries that must not be sent.
    """

    channel: str
    bulk: bool
    lasts: timedelta | None = None
    asked: bool = False
    secret: bool = False
    routable: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    personal: str = ""
    gate: str = ""


def transactional(
    channel: str, *, lasts: timedelta | None = None, secret: bool = False, personal: str = ""
) -> MessageType:
    """A type that a person must get: never stopped by an opt-out."""
    return MessageType(
        channel=channel,
        bulk=False,
        lasts=lasts,
        secret=secret,
        headers=AUTO_GENERATED,
        personal=personal,
    )


def asked_for(channel: str, *, lasts: timedelta, secret: bool = True) -> MessageType:
    """A transactional type that a person asks for by typing an address: a link or code for it."""
    row = transactional(channel, lasts=lasts, secret=secret)
    return replace(row, asked=True)


def bulk(
    channel: str,
    *,
    lasts: timedelta | None = None,
    headers: Mapping[str, str] = AUTO_GENERATED,
    personal: str = "",
    gate: str = "",
) -> MessageType:
    """A type that people may opt out of."""
    return MessageType(
        channel=channel, bulk=True, lasts=lasts, headers=headers, personal=personal, gate=gate
    )


# The library's own: a test that staff send to themselves.
OWN = {"mailroom.test": transactional("default")}


def message_types() -> dict[str, MessageType]:
    """All types: the project's MESSAGE_TYPES, and the library's own unless the project has them."""
    return {**OWN, **settings.MESSAGE_TYPES}


def template_name(name: str) -> str:
    """The template of a type: emails/<app>/<name>.html; the library's own are in its own folder."""
    app, _, own = name.partition(".")
    return f"mailroom/emails/{own}.html" if app == "mailroom" else f"emails/{app}/{own}.html"


def message_type(name: str) -> MessageType:
    """Return the row of a type.

    Raises LookupError, naming the table, for a type that has none.
    """
    found = _row(name)
    if found is None:
        raise LookupError(
            f"The message type {name!r} has no row in settings.MESSAGE_TYPES: add one there."
        )
    return found


def untyped(channel: str) -> MessageType:
    """The type of a message without one: email of Django itself or of third-party apps.

    It is bulk in a channel whose own types are all bulk, otherwise transactional.
    With MAILROOM_SECRET_BY_DEFAULT its body is erased once it is sent.
    """
    own = [row for row in settings.MESSAGE_TYPES.values() if row.channel == channel]
    is_bulk = bool(own) and all(row.bulk for row in own)
    is_secret = getattr(settings, "MAILROOM_SECRET_BY_DEFAULT", False) and not is_bulk
    return MessageType(channel=channel, bulk=is_bulk, secret=is_secret, routable=True)


def type_or_untyped(name: str, channel: str) -> MessageType:
    """The row of `name`, or that of `untyped` if it is empty or no longer in the table."""
    return _row(name) or untyped(channel)


def _row(name: str) -> MessageType | None:
    """One row of `message_types`, without building the whole table for each email."""
    row: MessageType | None = settings.MESSAGE_TYPES.get(name) or OWN.get(name)
    return row
