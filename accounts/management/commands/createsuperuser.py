"""`manage.py createsuperuser`: Django's, with a verified address."""

from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.management.commands import createsuperuser
from django.core.management.base import CommandError

from accounts.models import User
from mailroom.worker.readiness import migration_fault


class Command(createsuperuser.Command):
    """Django's command. Whoever may type it needs no email to prove that the address is theirs."""

    def handle(self, *args: Any, **options: Any) -> None:
        if fault := migration_fault():
            raise CommandError(f"{fault}.")
        users = User.objects.using(options["database"])
        newest = users.order_by("-pk").values_list("pk", flat=True).first() or 0
        super().handle(*args, **options)
        for user in users.filter(pk__gt=newest, is_superuser=True):
            EmailAddress.objects.using(options["database"]).update_or_create(
                user=user, email=user.email, defaults={"verified": True, "primary": True}
            )
            if options["verbosity"]:
                self.stdout.write(
                    f"{user.email} is verified. Sign in at {settings.PUBLIC_URL}/accounts/login/"
                )
