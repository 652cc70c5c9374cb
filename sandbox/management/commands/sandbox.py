"""`manage.py sandbox`: the providers of a development site, on this machine."""

import logging
import signal
from contextlib import AbstractContextManager, ExitStack
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from mailroom.delivery import shutdown
from mailroom.status.overview import describe_mailers
from sandbox.accounts import Account, accounts
from sandbox.apis import APIServer
from sandbox.behaviour import mode_of
from sandbox.inbox import store_email
from sandbox.webhooks import Poster

WEBHOOK_DELAY_SECONDS = 1.5  # so that somebody who watches sees "sent" before "delivered"


class Command(BaseCommand):
    help = (
        "Run a server for each provider in MAILERS at 127.0.0.1, until Ctrl-C: SMTP for "
        "smtp+plain://127.0.0.1:PORT, the APIs of Postmark and Mailgun for "
        "postmark://TOKEN?api_url=http://127.0.0.1:PORT/ and "
        "mailgun://KEY@DOMAIN?api_url=http://127.0.0.1:PORT/. What they accept is shown at "
        "/inbox/; how each behaves is chosen at /sandbox/. DEBUG only."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("sandbox keeps every email instead of delivering it: DEBUG only.")
        if find_spec("aiosmtpd") is None:
            raise CommandError("The sandbox needs aiosmtpd: run bin/setup, which installs it.")
        found = accounts()
        if not found:
            raise CommandError(
                "No sandbox provider is running on this machine. Set one, for instance "
                "MAILER_URL=smtp+plain://127.0.0.1:8025, and run this again."
            )
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's, for each command
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, shutdown.want)
        poster = Poster(WEBHOOK_DELAY_SECONDS)
        poster.start()
        with ExitStack() as servers:
            for port in sorted({one.port for one in found}):
                here = [one for one in found if one.port == port]
                try:
                    servers.enter_context(_server(here, port, poster))
                except OSError as error:
                    names = ", ".join(one.alias for one in here)
                    text = f"Port {port} of {names} can't be used: {error.strerror}."
                    raise CommandError(text) from None
            for one in found:
                self.stdout.write(f"{one.title} is at 127.0.0.1:{one.port} as {one.alias}")
            for channel in describe_mailers()["channels"]:
                self.stdout.write(f"{channel['alias']} email goes through {channel['via']}")
            self.stdout.flush()  # into a file or a pipe too, while it runs on
            while not shutdown.wait(1):
                pass
        poster.stop()


def _server(here: list[Account], port: int, poster: Poster) -> AbstractContextManager[Any]:
    from sandbox.smtp import SMTPServer  # noqa: PLC0415  (aiosmtpd is for development)

    kinds = {one.kind for one in here}
    if kinds == {"smtp"}:  # several aliases of one server differ in an option only
        return SMTPServer(here[0], mode_of=mode_of, keep=store_email)
    if "smtp" in kinds:
        names = ", ".join(one.alias for one in here)
        raise CommandError(f"{names} can't all be at port {port}: SMTP needs one of its own.")
    return APIServer(
        here, port=port, mode_of=mode_of, keep=store_email, poster=poster, more=_accounts_now
    )


def _accounts_now() -> list[Account]:
    """The accounts as they are now: a mail account may have been added."""
    try:
        return accounts()
    finally:
        connection.close()
