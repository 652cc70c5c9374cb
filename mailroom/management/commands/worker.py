"""`manage.py worker [--drain]`: the one process type beside the web."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from mailroom.checks import refuse_faulty_configuration
from mailroom.readiness import wait_for_migrations
from mailroom.worker import process


class Command(BaseCommand):
    help = "Send queued email, run tasks and periodic jobs."
    requires_system_checks = ()  # its own refusal lists every fault at once

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--drain", action="store_true", help="do all that is due, then exit")

    def handle(self, *args: Any, drain: bool, **options: Any) -> None:
        refuse_faulty_configuration()
        if drain:
            wait_for_migrations()
            process.drain()
        else:
            process.run()
