"""What the site's mailers are and what they carried: for the command, the home page, the checks."""

from typing import Any

from django.conf import settings
from django.core.mail import mailers
from django.db.models import Count

from mailroom.channels import channel_options, channels, providers
from mailroom.models import Delivery


def describe() -> dict[str, list[dict[str, Any]]]:
    """Channels with their providers, From and message types; providers with their masked URLs."""
    return {
        "channels": [_channel(alias) for alias in channels()],
        "providers": [
            {"alias": alias, "backend": mailers.settings[alias]["BACKEND"], "url": url}
            for alias, url in settings.MAILER_URLS.items()
        ],
    }


def carried() -> dict[str, dict[str, int]]:
    """How many deliveries each channel has in each state: `{"newsletters": {"sent": 200}}`."""
    rows = Delivery.objects.order_by().values_list("channel", "state").annotate(Count("pk"))
    counts: dict[str, dict[str, int]] = {alias: {} for alias in channels()}
    for channel, state, count in rows:
        counts.setdefault(channel, {})[state] = count
    return counts


def _channel(alias: str) -> dict[str, Any]:
    options = channel_options(alias)
    return {
        "alias": alias,
        "via": options.via,
        "providers": list(providers(options.via)),
        "from": options.from_email,
        "messages": [name for name, row in settings.MESSAGE_TYPES.items() if row.channel == alias],
    }
