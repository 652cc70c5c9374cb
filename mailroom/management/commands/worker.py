"""`manage.py worker [--drain]`: the one process type beside the web."""

import os
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from mailroom.checks import refuse_faulty_configuration
from mailroom.delivery import shutdown
from mailroom.worker import process
from mailroom.worker.readiness import wait_for_migrations


class Command(BaseCommand):
    help = "Send queued email, run tasks and periodic jobs."
    requires_system_checks = ()  # its own refusal lists every fault at once

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--drain", action="store_true", help="do all that is due, then exit")
        parser.add_argument(
            "--stop-with-stdin",
            action="store_true",
            help="stop when standard input closes: for a parent process, whichever way that ends",
        )

    def handle(self, *args: Any, drain: bool, stop_with_stdin: bool, **options: Any) -> None:
        refuse_faulty_configuration()
        if stop_with_stdin:
            threading.Thread(target=_stop_with_stdin, daemon=True).start()
        if drain:
            wait_for_migrations()
            process.drain()
        else:
            process.run()


def _stop_with_stdin() -> None:
    # Not sys.stdin: its lock, held by this thread, would stop the interpreter from ending.
    while os.read(0, 4096):
        pass
    shutdown.want()
