"""A route with several providers, in order of preference."""

from collections.abc import Sequence

from django.core.mail import EmailMessage

from mailroom import alerts, breaker, health
from mailroom.backends.route import RouteBackend
from mailroom.channels import providers
from mailroom.outcomes import Verdict, classify


class EmailBackend(RouteBackend):
    """Each message goes by the first mailer of `via` that is not resting and does not refuse it.

    Only what was certainly not accepted goes to the next one. Refused for good, it would be refused
    there too; unknown, it may have been accepted, and sending it elsewhere could double it: both
    end the attempt with their exception. A message that comes again takes the mailer last that had
    it.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        return sum(self._send(message) for message in email_messages)

    def _send(self, message: EmailMessage) -> int:
        refusal: Exception | None = None
        error = ""
        for alias in self._order(message):
            if not breaker.admits(alias):
                continue
            try:
                sent = self.carry(message, alias)
            except Exception as raised:
                outcome = classify(raised)
                if outcome.verdict is not Verdict.FOR_NOW:
                    raise
                refusal, error = raised, outcome.error
            else:
                self._tell(alias, error)
                return sent
        if refusal:
            raise refusal
        return self.carry(message, self.least_bad(self.via))

    def _order(self, message: EmailMessage) -> list[str]:
        had_by = getattr(message, "had_by", "")
        return sorted(self.via, key=lambda alias: bool(had_by) and had_by in providers(alias))

    def _tell(self, alias: str, error: str) -> None:
        """A failover that succeeds hides a fault: somebody has to hear of it."""
        first = health.health(self.via[0])
        if alias != first.alias and not first.mode:  # else a person took it out, and knows
            told = error or first.error
            alerts.tell("failed_over", first.alias, error=told, carried_by=alias)
