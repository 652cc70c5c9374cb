"""Two small channels of our own: `letters` is transactional, `bulletin` is bulk."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.mail import EmailMessage

from mailroom.config.channels import OUTBOX
from mailroom.config.mailers import MailerTree
from mailroom.config.urls import parse
from mailroom.delivery.engine import deliver_due
from mailroom.message_types import bulk, transactional
from mailroom.models import Delivery
from tests.mailroom.fakes.smtp import SMTPServer

logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells every line otherwise

TYPES = {
    "tests.letter": transactional("letters"),
    "tests.code": transactional("letters", lasts=timedelta(minutes=3), secret=True),
    "tests.bulletin": bulk("bulletin"),
}
FROM = {
    "letters": "Letters <letters@mailroom.test>",
    "bulletin": "Bulletin <bulletin@mailroom.test>",
}


@pytest.fixture
def carry_by(settings) -> Callable[[str], None]:
    """Have both channels carried by a mailer URL, or a composite of them."""
    folder = Path(__file__).parent / "templates"
    settings.TEMPLATES = [
        {**settings.TEMPLATES[0], "DIRS": [folder, *settings.TEMPLATES[0]["DIRS"]]}
    ]
    settings.MESSAGE_TYPES = TYPES

    def configure(url: str) -> None:
        tree = MailerTree()
        via = tree.add(parse(url))
        channels = {
            name: {"BACKEND": OUTBOX, "OPTIONS": {"via": via, "from_email": sender}}
            for name, sender in FROM.items()
        }
        settings.MAILERS = {**channels, **tree.mailers}
        settings.MAILER_URLS, settings.MAILER_SENDERS = tree.urls, tree.senders

    return configure


@pytest.fixture
def in_memory(carry_by, settings) -> None:
    """Both channels are carried by a mailer in memory: mail arrives in `mailoutbox`."""
    carry_by("console:")
    settings.MAILERS["console"] = {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}


@pytest.fixture
def smtp(carry_by) -> Iterator[SMTPServer]:
    """A real SMTP server that both channels are carried by; `smtp.script` is what it answers."""
    with SMTPServer() as server:
        carry_by(server.url)
        yield server


def queue(channel: str = "letters", **fields) -> list[Delivery]:
    """Put a plain message into a channel; its deliveries, by address."""
    fields = {"subject": "Hello", "body": "Good day.", "to": ["alice@example.com"]} | fields
    EmailMessage(**fields).send(using=channel)
    newest = Delivery.objects.latest("pk").message
    return list(newest.deliveries.order_by("address"))


def deliver() -> None:
    """Send what is due on both channels, as a worker would."""
    deliver_due("letters")
    deliver_due("bulletin")


def attempt(channel: str = "letters", **fields) -> Delivery:
    """Queue one message, try once to send it, and return its delivery as it is afterwards."""
    delivery = queue(channel, **fields)[0]
    deliver_due(channel)
    delivery.refresh_from_db()
    return delivery
