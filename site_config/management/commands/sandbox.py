"""`manage.py sandbox`: the local mail servers of the demo. Development only."""

import logging
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mailroom import shutdown
from mailroom.development import channel_of


class Command(BaseCommand):
    help = (
        "Run an SMTP server for each mailer at smtp+plain://127.0.0.1:PORT, until Ctrl-C. What it "
        "accepts is shown at /inbox/, labelled with the channel and the mailer. DEBUG only."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("sandbox keeps every email instead of delivering it: DEBUG only.")
        local = _local_mailers()
        if not local:
            raise CommandError(
                "No mailer is at smtp+plain://127.0.0.1:PORT. Set one, for instance "
                "MAILER_URL=smtp+plain://127.0.0.1:8025, and run this again."
            )
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's, for each command
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, shutdown.want)
        servers = [_server(alias, port) for port, alias in local.items()]
        self.stdout.write(f"Local mail servers: {', '.join(local.values())}")
        while not shutdown.wait(1):
            pass
        for server in servers:
            server.stop(no_assert=True)


def _local_mailers() -> dict[int, str]:
    """The mailers on this machine, by port: the first alias of each."""
    found: dict[int, str] = {}
    for alias, url in settings.MAILER_URLS.items():
        parts = urlsplit(url)
        if parts.scheme == "smtp+plain" and parts.hostname == "127.0.0.1":
            found.setdefault(parts.port or 25, alias)
    return found


def _server(alias: str, port: int) -> Any:
    from aiosmtpd.controller import Controller  # installed for development only

    server = Controller(Inbox(alias, port), hostname="127.0.0.1", port=port)
    try:
        server.start()
    except OSError as error:
        raise CommandError(f"Port {port} of {alias} can't be used: {error.strerror}.") from None
    return server


class Inbox:
    """What aiosmtpd asks about each email: accept it and keep it for /inbox/."""

    def __init__(self, alias: str, port: int) -> None:
        self.alias = alias
        self.port = port
        self._keep: Callable[..., Any] = sync_to_async(self.keep)

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
        await self._keep(envelope.original_content, envelope.rcpt_tos)
        return "250 OK"

    def keep(self, raw: bytes, recipients: list[str]) -> None:
        """Store an email as the development inbox stores those that it captures itself."""
        from django_mail_preview.storage import MessageMeta, get_storage, new_id

        mail = message_from_bytes(raw, policy=policy.default)
        assert isinstance(mail, EmailMessage)  # the policy's
        now = datetime.now(UTC)
        visible = {name: _addresses(mail, name) for name in ("To", "Cc", "Reply-To")}
        shown = " ".join([*visible["To"], *visible["Cc"]])
        meta = MessageMeta(
            id=new_id(now),
            subject=str(mail["Subject"] or ""),
            from_email=str(mail["From"] or ""),
            to=visible["To"],
            cc=visible["Cc"],
            bcc=tuple(one for one in recipients if one not in shown),
            reply_to=visible["Reply-To"],
            date=now,
            alias=self.alias,
            size=len(raw),
            attachments=sum(1 for _ in mail.iter_attachments()),
            # Short, or the list cuts them off: the channel, and the port of the mailer.
            tags=tuple(filter(None, [channel_of(mail), f":{self.port}"])),
        )
        get_storage().add(raw, meta)


def _addresses(mail: EmailMessage, header: str) -> tuple[str, ...]:
    return tuple(str(one) for found in mail.get_all(header, []) for one in found.addresses)
