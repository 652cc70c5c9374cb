"""`manage.py bounces < message`: take in one email from a mail server's pipe."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from mailroom.bounces.intake import BYTES_READ, receive
from mailroom.outcomes import database_fault

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: the mail server keeps the email and tries again


class Command(BaseCommand):
    help = "Take in a bounce, a complaint report or a request to unsubscribe, from standard input."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--recipient", default="", help="the address it was delivered to, if it is in no header"
        )

    def handle(self, *args: Any, recipient: str, **options: Any) -> None:
        raw = sys.stdin.buffer.read(BYTES_READ)
        if raw.startswith(b"From "):  # the line that mbox and some pipes put before an email
            raw = raw.partition(b"\n")[2]
        while sys.stdin.buffer.read(BYTES_READ):
            pass  # a pipe that is not read to its end is an error to the mail server
        if recipient:
            raw = f"Delivered-To: {' '.join(recipient.split())}\r\n".encode() + raw
        try:
            result = receive(raw)
        except DatabaseError as error:
            self.stderr.write(f"{database_fault(error)}.")
            raise SystemExit(TRY_AGAIN) from None
        self.stdout.write(str(result))
