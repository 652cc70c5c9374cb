"""A real mail through every channel, past the outbox, on request."""

from collections.abc import Iterator

from django.core.mail import mailers

from mailroom.config.channels import channel_options, channels, providers_of
from mailroom.delivery.transport import hand_over
from mailroom.doctor.findings import Finding, Status
from mailroom.messages import TemplatedMessage
from mailroom.outcomes import classify


def send_to(address: str) -> Iterator[Finding]:
    """Send one test mail by each provider of each channel, from the channel's own From."""
    for channel in channels():
        for alias in providers_of(channel):
            yield _send(channel, alias, address)


def _send(channel: str, alias: str, address: str) -> Finding:
    sender = channel_options(channel).from_email
    about = f"{channel} by {alias}"
    mail = TemplatedMessage(
        "mailroom.test", to=[address], context={"alias": alias}, from_email=sender
    )
    mail.render()
    mailer = mailers[alias]
    try:
        hand_over(lambda: mailer, alias, mail)
    except Exception as error:  # noqa: BLE001  (whatever is wrong is what is asked for)
        return Finding("live", about, Status.FAILED, classify(error).error)
    finally:
        mailer.close()
    return Finding("live", about, Status.OK, f"accepted for {address}")
