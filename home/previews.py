"""Made-up emails for the development inbox, by type: each function takes a language."""

from functools import partial

from home.samples import CHANNELS, sample
from mailroom.messages.templated import TemplatedMessage


def _sample(channel: str, language: str) -> TemplatedMessage:
    return sample(channel, "asha@example.com", language)


PREVIEWS = {f"home.sample_{channel}": partial(_sample, channel) for channel in CHANNELS}
