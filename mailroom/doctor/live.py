"""A real email through every channel, past the outbox, on request."""

from collections.abc import Iterator

from mailroom.config.channels import channel_options, channels, providers_of
from mailroom.doctor.findings import Finding, Status
from mailroom.outcomes import classify
from mailroom.status.actions import send_test_email


def send_to(address: str) -> Iterator[Finding]:
    """Send one test email by each provider of each channel, from the channel's own From."""
    for channel in channels():
        for alias in providers_of(channel):
            about = f"{channel} by {alias}"
            if error := send_test_email(alias, channel_options(channel).from_email, address):
                yield Finding("live", about, Status.FAILED, classify(error).error)
            else:
                yield Finding("live", about, Status.OK, f"accepted for {address}")
