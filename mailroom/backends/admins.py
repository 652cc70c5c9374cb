"""The operations tier: error mails to ADMINS, never through the outbox, and never raising.

A mailer that is down must not turn one error into two, nor tell a known address from an unknown.
"""

import logging
from collections.abc import Sequence
from threading import local
from typing import Any

from django.core.mail import EmailMessage, mailers
from django.core.mail.backends.base import BaseEmailBackend

logger = logging.getLogger("ops")  # no handler of this logger mails, or a fault would chase itself
_guard = local()

TIMEOUT_SECONDS = 5  # a page waits for it


class EmailBackend(BaseEmailBackend):
    """Send at once through the provider `via`; log what goes wrong instead of raising it."""

    def __init__(self, *, via: str, alias: str, **kwargs: Any) -> None:
        super().__init__(alias=alias, **kwargs)
        self.via = via

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        if getattr(_guard, "is_sending", False):
            return 0
        _guard.is_sending = True
        try:
            mailer: Any = mailers[self.via]
            if hasattr(mailer, "timeout"):
                mailer.timeout = TIMEOUT_SECONDS
            return mailer.send_messages(email_messages) or 0
        except Exception as error:  # noqa: BLE001  (the one promise of this backend)
            logger.warning("An operations email could not be sent: %s", type(error).__name__)
            return 0
        finally:
            _guard.is_sending = False
