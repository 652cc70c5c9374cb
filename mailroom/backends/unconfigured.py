"""Stands where a mailer URL is missing or can't be read, so that everything else still runs."""

from typing import Never

from django.core.mail import InvalidMailer
from django.core.mail.backends.base import BaseEmailBackend


class EmailBackend(BaseEmailBackend):
    """Refuses to send. Its reason is among settings.CONFIGURATION_FAULTS, which checks report."""

    def send_messages(self, email_messages: object) -> Never:
        raise InvalidMailer("No usable mailer URL was given.", alias=self.alias)  # type: ignore[attr-defined]  # set by the base
