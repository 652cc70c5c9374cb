"""`manage.py changepassword`: Django's, with the notice that every change of a password sends."""

from getpass import getuser
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.utils import timezone

from accounts.emails import account_message
from accounts.models import User


class Command(changepassword.Command):
    """Django's command. The owner of the account is notified, whoever has typed it."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        done = super().handle(*args, **options)
        user = User.objects.get_by_natural_key(options["username"] or getuser())
        values = {"user": user, "by_admin": True, "timestamp": timezone.now()}
        account_message("account/email/password_changed", user.email, values).send()
        return done
