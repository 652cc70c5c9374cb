"""`manage.py mail_accounts [--new-key | --encrypt-again]`: list them, and change their key."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from mailroom.conf import needs
from mailroom.models import MailAccount
from mailroom.models.mail_account import fernet


class Command(BaseCommand):
    help = (
        "List the mail accounts. To change the key: put a new one in front of the others in "
        "MAIL_ACCOUNT_KEYS, restart, run this with --encrypt-again, then remove the old one."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--new-key", action="store_true", help="print a key, and change nothing")
        what.add_argument(
            "--encrypt-again",
            action="store_true",
            help="encrypt all credentials with the first of MAIL_ACCOUNT_KEYS",
        )

    def handle(self, *args: Any, new_key: bool, encrypt_again: bool, **options: Any) -> None:
        if new_key:
            try:
                from cryptography.fernet import Fernet  # noqa: PLC0415  (the extra `accounts`)
            except ModuleNotFoundError:
                raise CommandError(f"{needs('A mail account', 'accounts')}.") from None

            self.stdout.write(Fernet.generate_key().decode())
        elif encrypt_again:
            self._encrypt_again()
        else:
            accounts = MailAccount.objects.all()
            if not accounts:
                self.stdout.write("There is no mail account.")
            for one in accounts:
                state = "active" if one.active else "deactivated"
                text = f"{one.alias}  {one.name}  {one.address}  from {one.from_email}  {state}"
                self.stdout.write(text)

    def _encrypt_again(self) -> None:
        """All or none: an account whose key is missing is named, and nothing is changed."""
        try:
            fernet()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        lost = []
        accounts = list(MailAccount.objects.all())
        for one in accounts:
            try:
                one.secrets()
            except ImproperlyConfigured as error:
                lost.append(f"{one.name}: {error}")
        if lost:
            raise CommandError("Nothing was changed.\n" + "\n".join(lost))
        for one in accounts:
            one.encrypt_again()
        self.stdout.write(self.style.SUCCESS(f"{len(accounts)} mail accounts use the first key."))
