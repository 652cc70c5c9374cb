"""Made-up mails for the development inbox: a preview for each type of this app."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django_mail_preview import EmailPreview

from accounts.emails import TYPES
from mailroom.links import public_url
from mailroom.messages import TemplatedMessage

ADDRESS = "asha@example.com"
MADE_UP = {
    "name": "Asha Kaur",
    "email": ADDRESS,
    "activate_url": public_url("account_confirm_email", "made-up-key"),
    "password_reset_url": public_url("account_reset_password_from_key", "1", "made-up-key"),
    "code": "ABC-DEF",
    "deleted_email": "old@example.com",
    "from_email": "old@example.com",
    "to_email": ADDRESS,
    "ip": "192.0.2.7",
    "timestamp": datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
}


def _preview(name: str) -> Callable[[EmailPreview], TemplatedMessage]:
    def preview(self: EmailPreview) -> TemplatedMessage:
        return TemplatedMessage(
            name, to=[ADDRESS], context=MADE_UP, language=self.params.get("language")
        )

    return preview


def _methods() -> dict[str, Any]:
    return {name.removeprefix("accounts."): _preview(name) for name in set(TYPES.values())}


AccountEmails = type("AccountEmails", (EmailPreview,), {"__module__": __name__, **_methods()})
