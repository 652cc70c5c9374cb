"""Channels: entries of MAILERS whose backend is the outbox. Apps name them, nothing else."""

from collections.abc import Iterator
from typing import NamedTuple

from django.conf import settings
from django.core.mail import InvalidMailer, mailers

OUTBOX = "mailroom.backends.outbox.EmailBackend"


class ChannelOptions(NamedTuple):
    """A channel's OPTIONS: the mailer it goes by, From, Reply-To, messages per second and a day."""

    via: str = ""
    from_email: str = ""
    reply_to: list[str] = []  # never written to
    rate: float | None = None
    daily_cap: int | None = None


def channel_options(alias: str) -> ChannelOptions:
    """The options of a channel.

    Raises InvalidMailer where MAILERS has no such alias; an alias that is no outbox (the test
    runner replaces them all) has DEFAULT_FROM_EMAIL and no mailer behind it.
    """
    entry = mailers.settings.get(alias)
    if entry is None:
        raise InvalidMailer(f"No channel {alias!r} in MAILERS.", alias=alias)
    if entry.get("BACKEND") != OUTBOX:
        return ChannelOptions(from_email=settings.DEFAULT_FROM_EMAIL)
    options = dict(entry["OPTIONS"])
    reply_to = options.pop("reply_to", "")
    options["from_email"] = options.get("from_email") or settings.DEFAULT_FROM_EMAIL
    return ChannelOptions(reply_to=[reply_to] if reply_to else [], **options)


def channels() -> list[str]:
    """The aliases of all channels, in their order in MAILERS."""
    return [alias for alias, entry in mailers.settings.items() if entry.get("BACKEND") == OUTBOX]


ACCOUNT, OR = "account:", " or "  # account:7, and account:7 or smtp:mail.example.com


def is_account(alias: str) -> bool:
    """True for the alias of a mail account, also with another mailer behind it."""
    return alias.startswith(ACCOUNT)


def is_mailer(alias: str) -> bool:
    """True for what email can be handed to: an alias of MAILERS, or a mail account's."""
    return alias in mailers or is_account(alias)


def children(alias: str) -> list[str]:
    """The mailers that a channel or a route hands its mail to; none for a provider."""
    if is_account(alias):
        return alias.split(OR, 1) if OR in alias else []
    via = mailers.settings.get(alias, {}).get("OPTIONS", {}).get("via", [])
    return [via] if isinstance(via, str) else list(via)


def providers_of(alias: str) -> Iterator[str]:
    """The providers that a channel or route can end at, in order of preference, each once."""
    seen: set[str] = set()
    waiting = [alias]
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        below = children(current)
        if not below:
            yield current
        waiting = below + waiting
