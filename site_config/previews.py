"""Made-up emails for the development inbox, by type: each function takes a language."""

from functools import partial

from mailroom.messages import TemplatedMessage
from site_config.specimens import CHANNELS, specimen


def _specimen(channel: str, language: str) -> TemplatedMessage:
    return specimen(channel, "asha@example.com", language)


PREVIEWS = {f"site_config.specimen_{channel}": partial(_specimen, channel) for channel in CHANNELS}
