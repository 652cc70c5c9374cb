"""`manage.py seed_demo`: fill a development site with something to look at."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from home.demo import content, past
from mailroom.worker.readiness import migration_fault


class Command(BaseCommand):
    help = "Fill the site with demo data. Can be run again; refuses where DEBUG is off."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--past", action="store_true", help="add an issue of last week etc.")
        which.add_argument("--remove-past", action="store_true", help="remove what --past added")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError(
                "seed_demo makes an administrator with a known password: DEBUG only."
            )
        if fault := migration_fault():
            raise CommandError(f"{fault}.")
        if options["remove_past"]:
            past.remove()
            self.stdout.write(self.style.SUCCESS("The demo's past is removed."))
            return
        with transaction.atomic():
            admin = content.administrator()
            reader = content.demo_reader()
            letter, changes = content.newsletters()
            content.account(changes)
            content.subscribers(letter)
            content.draft_issue(letter, admin)
            if options["past"]:
                past.make_past(letter, admin, reader)
        self.stdout.write(self.style.SUCCESS("The demo data is in place."))
