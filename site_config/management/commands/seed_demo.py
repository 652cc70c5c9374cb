"""`manage.py seed_demo`: fill a development site with something to look at."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from mailroom.readiness import MIGRATIONS_PENDING, migrations_pending
from site_config.demo import letters, people


class Command(BaseCommand):
    help = "Fill the site with demo data. Can be run again; refuses where DEBUG is off."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError(
                "seed_demo makes an administrator with a known password: DEBUG only."
            )
        if migrations_pending():
            raise CommandError(f"{MIGRATIONS_PENDING}.")
        with transaction.atomic():
            admin = people.administrator()
            people.reader()
            letter, _changes = letters.newsletters()
            letters.subscribers(letter)
            letters.issue(letter, admin)
        self.stdout.write(self.style.SUCCESS("Demo data is there."))
