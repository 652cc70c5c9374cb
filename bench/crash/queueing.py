"""Queueing made-up mail straight into the outbox, once Django is set up."""

from django.core.mail import EmailMultiAlternatives


def queue_bulk(addresses: list[str]) -> None:
    """One message to everybody, as a newsletter is."""
    from mailroom.outbox import Recipient, add_deliveries, freeze

    mail = EmailMultiAlternatives("An issue", "Hello", headers={"Precedence": "bulk"})
    mail.attach_alternative("<p>Hello</p>", "text/html")
    mail.type, mail.channel = "bench.bulk", "newsletters"
    add_deliveries(freeze(mail), (Recipient(address) for address in addresses))


def queue_transactional(addresses: list[str]) -> None:
    """A message of its own for each, as resets and confirmations are."""
    from django.db import transaction

    from mailroom.outbox import put

    with transaction.atomic():
        for address in addresses:
            mail = EmailMultiAlternatives("Your link", "https://example.com/…", to=[address])
            mail.type = "bench.transactional"
            put(mail, "password_reset")


def people(number: int) -> list[str]:
    return [f"p{n}@example.com" for n in range(number)]
