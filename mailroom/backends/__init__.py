"""What MAILERS can name: outbox, routes, SMTP, and Anymail's APIs side by side."""

from abc import abstractmethod
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class EachBackend(BaseEmailBackend):
    """A backend that says of each message what became of it."""

    @abstractmethod
    def send_each(self, email_messages: Sequence[EmailMessage]) -> list[Exception | None]:
        """Send the messages; for each, the exception that `send_messages` would raise for it."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send the messages; how many. Raises the first error once all were tried."""
        for error in self.send_each(email_messages):
            if error:
                raise error
        return len(email_messages)
