"""One of each kind of mail to who asks, by the real channels, and where each went."""

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils.functional import Promise

from mailroom.messages import TemplatedMessage
from mailroom.messages.links import public_url
from mailroom.models import Delivery
from sandbox import inbox
from site_config.overview import PURPOSES

CHANNELS = [alias for alias, purpose in PURPOSES.items() if purpose.view]
State = Delivery.State


@dataclass(frozen=True)
class Sighting:
    """The last specimen of a channel, as far as it came. email: its number in the inbox."""

    title: Promise | str
    channel: str
    delivery: Delivery
    email: int | None = None

    @property
    def is_under_way(self) -> bool:
        return self.delivery.state in {State.QUEUED, State.SENDING}


def specimen(channel: str, address: str, language: str | None = None) -> TemplatedMessage:
    """A harmless mail of the kind that a channel carries, marked as a specimen."""
    return TemplatedMessage(
        f"site_config.specimen_{channel}",
        to=[address],
        context={"title": PURPOSES[channel].title, "channel": channel},
        language=language,
        headers=_way_out() if channel == "newsletters" else {},
    )


def send_each(address: str) -> None:
    """Queue one for each channel, or none."""
    with transaction.atomic():
        for channel in CHANNELS:
            specimen(channel, address).send()


def sightings(address: str) -> list[Sighting]:
    """Where the last ones to an address are now, in the order of the channels."""
    found = _last_of_each(address)
    copies = inbox.copies([one.message_id_header for one in found]) if settings.DEBUG else {}
    return [
        Sighting(PURPOSES[one.channel].title, one.channel, one, copies.get(one.message_id_header))
        for one in found
    ]


def _last_of_each(address: str) -> list[Delivery]:
    """Found among the newest: all channels' specimens are queued together."""
    types = {f"site_config.specimen_{channel}": channel for channel in CHANNELS}
    own = Delivery.objects.filter(address=address, message__type__in=types)
    newest = own.select_related("message").order_by("-pk")[: 2 * len(CHANNELS)]
    last = {one.channel: one for one in reversed(newest)}
    return [last[channel] for channel in CHANNELS if channel in last]


def _way_out() -> dict[str, str]:
    """What bulk mail must offer (RFC 8058), also where no more would come by itself."""
    return {
        "List-Unsubscribe": f"<{public_url('specimens_stop')}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
