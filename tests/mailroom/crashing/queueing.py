"""Queueing made-up mail straight into the outbox, once Django is set up."""

from typing import Any

from django.core.mail import EmailMultiAlternatives


def queue_bulk(addresses: list[str], account: Any = None) -> None:
    """One message to everybody, as a newsletter is; by a mail account where one is given."""
    from mailroom.outbox import Recipient, add_deliveries, freeze

    mail = EmailMultiAlternatives("An issue", "Hello", headers={"Precedence": "bulk"})
    mail.attach_alternative("<p>Hello</p>", "text/html")
    mail.type, mail.channel, mail.account = "bench.bulk", "newsletters", account
    add_deliveries(freeze(mail), (Recipient(address) for address in addresses))


def mail_account(number: int, port: int) -> Any:
    """A mail account at the mail server of the stand."""
    from mailroom.models import MailAccount

    return MailAccount.objects.create(
        name=f"Tenant {number}",
        kind="smtp",
        options={"host": "127.0.0.1", "port": port, "security": "none"},
        from_email=f"Tenant <news@tenant{number}.example>",
    )


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
