"""One sample of each kind of email, sent to whoever asks by the real channels, and its timeline."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise

from home.overview import PURPOSES
from mailroom.admin.timeline import Entry, Link, links, timeline
from mailroom.config.schemes import ANYMAIL
from mailroom.messages.links import public_url
from mailroom.messages.templated import TemplatedMessage
from mailroom.models import Delivery

CHANNELS = [alias for alias, purpose in PURPOSES.items() if purpose.view]
REPORT_WITHIN = timedelta(seconds=20)  # so long the page watches for the provider's report
State = Delivery.State


@dataclass(frozen=True)
class Sample:
    """The last sample of a channel, and what happened to it so far."""

    title: Promise | str
    channel: str
    delivery: Delivery
    timeline: list[Entry]
    links: list[Link]

    @property
    def is_under_way(self) -> bool:
        """True while it is not sent, or its provider may still report what became of it."""
        row = self.delivery
        if row.state in {State.QUEUED, State.SENDING}:
            return True
        if row.state != State.SENT or row.feedback or row.alias.partition(":")[0] not in ANYMAIL:
            return False
        return row.finished_at is not None and timezone.now() - row.finished_at < REPORT_WITHIN


def sample(channel: str, address: str, language: str | None = None) -> TemplatedMessage:
    """A harmless email of the kind that a channel carries, marked as a sample."""
    return TemplatedMessage(
        f"home.sample_{channel}",
        to=[address],
        context={"title": PURPOSES[channel].title, "channel": channel},
        language=language,
        headers=_unsubscribe_headers() if channel == "newsletters" else {},
    )


def send_each(address: str) -> None:
    """Queue one sample for each channel, or none."""
    with transaction.atomic():
        for channel in CHANNELS:
            sample(channel, address).send()


def last_samples(request: HttpRequest, address: str) -> list[Sample]:
    """The last samples to an address, in the order of the channels.

    request: whose user sees the links. They are found among the newest rows, since the samples of
    all channels are queued together.
    """
    types = [f"home.sample_{channel}" for channel in CHANNELS]
    own = Delivery.objects.filter(address=address, message__type__in=types)
    newest = own.select_related("message").prefetch_related("past_attempts", "events")
    last = {one.channel: one for one in reversed(newest.order_by("-pk")[: 2 * len(CHANNELS)])}
    return [
        Sample(PURPOSES[channel].title, channel, row, timeline(row), links(request, row))
        for channel in CHANNELS
        if (row := last.get(channel))
    ]


def _unsubscribe_headers() -> dict[str, str]:
    """What bulk email must have (RFC 8058), although no further sample comes by itself."""
    return {
        "List-Unsubscribe": f"<{public_url('samples_stop')}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
