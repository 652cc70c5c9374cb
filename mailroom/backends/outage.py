"""Stands before a provider and fails on purpose, to show what an outage does. Development only."""

import smtplib
import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, InvalidMailer
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from mailroom.outages import Outage, outage_of
from mailroom.outcomes import OutcomeUnknown

SILENCE_SECONDS = 3


class EmailBackend(BaseEmailBackend):
    """Send through `backend` with `options`, unless an outage of this alias is simulated.

    Raises InvalidMailer in production.
    """

    def __init__(self, *, backend: str, options: dict[str, Any], alias: str, **kwargs: Any) -> None:
        super().__init__(alias=alias, **kwargs)
        if not settings.DEBUG:
            raise InvalidMailer("Simulated outages are for development only.", alias=alias)
        self.alias = alias
        self.real = import_string(backend)(alias=alias, **options)

    def open(self) -> bool | None:
        opened: bool | None = self.real.open()
        return opened

    def close(self) -> None:
        self.real.close()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        match outage_of(self.alias):
            case Outage.REFUSE:
                raise ConnectionRefusedError("Connection refused (simulated)")
            case Outage.TEMPORARY:
                raise smtplib.SMTPDataError(451, "Not now, try again later (simulated)")
            case Outage.DROP:
                raise OutcomeUnknown("no answer after the content (simulated)")
            case Outage.TIME_OUT:
                time.sleep(SILENCE_SECONDS)
                raise TimeoutError("timed out (simulated)")
        return self.real.send_messages(email_messages) or 0
