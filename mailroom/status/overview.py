"""What the site's mailers are and what they carried: for the command, the home page, the checks."""

from typing import Any

from django.conf import settings
from django.core.mail import mailers
from django.db import DatabaseError
from django.db.models import Count

from mailroom.config.channels import channel_options, channels, providers_of
from mailroom.message_types import message_types
from mailroom.models import Delivery, MailAccount, OutcomeCount
from mailroom.outbox import routing


def describe_mailers() -> dict[str, list[Any]]:
    """Channels with their providers, From and message types; providers; routers."""
    return {
        "channels": [_channel(alias) for alias in channels()],
        "providers": [
            {"alias": alias, "backend": mailers.settings[alias]["BACKEND"], "url": url}
            for alias, url in settings.MAILER_URLS.items()
        ],
        "routers": list(map(routing.router_name, routing.routers())),
    }


def describe_accounts() -> list[dict[str, Any]]:
    """The mail accounts without their secrets; none where the database has no tables yet."""
    try:
        accounts = list(MailAccount.objects.all())
    except DatabaseError:
        return []
    return [
        {
            "alias": one.alias,
            "name": one.name,
            "owner": one.owner,
            "url": one.address,
            "from": one.from_email,
            "channels": one.channels or channels(),
            "active": one.active,
        }
        for one in accounts
    ]


def carried() -> dict[str, dict[tuple[str, str], int]]:
    """How many deliveries of a channel ended how: `{"newsletters": {("postmark", "sent"): 200}}`.

    By provider and state, from the kept counts: however much was sent, no delivery is read.
    """
    counts: dict[str, dict[tuple[str, str], int]] = {alias: {} for alias in channels()}
    totals = OutcomeCount.objects.totals("channel", "alias", "state")
    for (channel, alias, state), number in totals.items():
        counts.setdefault(channel, {})[alias, state] = number
    return counts


def waiting(channel: str, limit: int = 10_000) -> int:
    """How many deliveries of a channel are queued and not on hold; limit + 1 for more than that."""
    return Delivery.objects.sendable().filter(channel=channel)[: limit + 1].count()


def in_flight() -> dict[str, int]:
    """How many deliveries are being sent at this moment, by channel: a few windows at most."""
    sending = Delivery.objects.filter(state=Delivery.State.SENDING)
    return dict(sending.order_by().values_list("channel").annotate(Count("pk")))


def _channel(alias: str) -> dict[str, Any]:
    options = channel_options(alias)
    return {
        "alias": alias,
        "via": options.via,
        "providers": list(providers_of(options.via)),
        "from": options.from_email,
        "messages": [name for name, row in message_types().items() if row.channel == alias],
    }
