"""The backend of channels: it stores email, which the workers send."""

from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from mailroom import outbox


class EmailBackend(BaseEmailBackend):
    """Queue every message in the caller's transaction.

    via: alias of the route or provider that sends the channel's email.
    from_email, reply_to: for messages without their own; without from_email, DEFAULT_FROM_EMAIL.
    rate, daily_cap: messages per second and per day (UTC), over all processes; None for no limit.
    """

    def __init__(
        self,
        *,
        via: str,
        from_email: str = "",
        reply_to: str = "",
        rate: float | None = None,
        daily_cap: int | None = None,
        alias: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(alias=alias, **kwargs)
        self.alias = alias
        self.via = via

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        with transaction.atomic():
            for message in email_messages:
                outbox.put(message, self.alias)
        return len(email_messages)
