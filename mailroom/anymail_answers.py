"""What Anymail noted on a message about each of its recipients, in our four outcomes."""

from email.utils import parseaddr

from anymail.exceptions import AnymailRecipientsRefused
from django.core.mail import EmailMessage

from mailroom.verdicts import Outcome, Verdict

VERDICTS = {
    "sent": Verdict.ACCEPTED,
    "queued": Verdict.ACCEPTED,
    "invalid": Verdict.FOR_GOOD,
    "rejected": Verdict.FOR_GOOD,
    "failed": Verdict.FOR_NOW,
}


def recipient_outcomes(message: EmailMessage) -> dict[str, Outcome]:
    """The outcome of each recipient by bare address in lower case; empty where nothing was noted.

    Source: Anymail's documentation, "ESP send status".
    """
    status = getattr(message, "anymail_status", None)
    recipients = getattr(status, "recipients", None) or {}
    return {
        parseaddr(address)[1].lower(): Outcome(
            VERDICTS.get(one.status, Verdict.UNKNOWN),
            error="" if one.status in {"sent", "queued"} else f"status {one.status}",
            provider_id=str(one.message_id or ""),
        )
        for address, one in recipients.items()
    }


def was_accepted(message: EmailMessage, error: Exception) -> bool:
    """Anymail's receivers run after the provider's answer: their errors are none of its."""
    if isinstance(error, AnymailRecipientsRefused):
        return False
    found = recipient_outcomes(message).values()
    return any(one.verdict is Verdict.ACCEPTED for one in found)
