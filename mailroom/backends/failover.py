"""A route with several providers, in order of preference."""

from collections.abc import Sequence

from django.core.mail import EmailMessage

from mailroom.backends.route import RouteBackend
from mailroom.outcomes import Verdict, classify


class EmailBackend(RouteBackend):
    """Each message goes by the first mailer of `via` that does not refuse it for now.

    Refused for good, it would be refused by the next one too; unknown, it may have been accepted,
    and sending it elsewhere could double it: both end the attempt with their exception.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        return sum(self._send(message) for message in email_messages)

    def _send(self, message: EmailMessage) -> int:
        for alias in self.via[:-1]:
            try:
                return self.carry(message, alias)
            except Exception as error:
                if classify(error).verdict is not Verdict.FOR_NOW:
                    raise
        return self.carry(message, self.via[-1])
