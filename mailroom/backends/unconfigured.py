"""Stands where a mailer URL is missing or can't be read, so that everything else still runs."""

from typing import Any, Never

from django.core.mail import InvalidMailer
from django.core.mail.backends.base import BaseEmailBackend


class EmailBackend(BaseEmailBackend):
    """Refuses to send.

    problem: why; "" where it is among settings.CONFIGURATION_FAULTS. Checks report either.
    """

    def __init__(self, *, problem: str = "", alias: str, **kwargs: Any) -> None:
        super().__init__(alias=alias, **kwargs)
        self.problem = problem

    def send_messages(self, email_messages: object) -> Never:
        raise InvalidMailer(self.problem or "No usable mailer URL was given.", alias=self.alias)  # type: ignore[attr-defined]  # set by the base
