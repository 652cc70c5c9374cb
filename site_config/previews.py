"""Made-up mails for the development inbox."""

from collections.abc import Callable
from typing import Any

from django_mail_preview import EmailPreview

from mailroom.messages import TemplatedMessage
from site_config.specimens import CHANNELS, specimen


def _preview(channel: str) -> Callable[[EmailPreview], TemplatedMessage]:
    def preview(self: EmailPreview) -> TemplatedMessage:
        return specimen(channel, "asha@example.com", self.params.get("language"))

    return preview


def _methods() -> dict[str, Any]:
    return {f"specimen_{channel}": _preview(channel) for channel in CHANNELS}


SpecimenEmails = type("SpecimenEmails", (EmailPreview,), {"__module__": __name__, **_methods()})
