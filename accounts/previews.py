"""Made-up emails for the development inbox, by type: each function takes a language."""

from datetime import UTC, datetime
from functools import partial

from accounts.emails import TYPES
from mailroom.messages import TemplatedMessage
from mailroom.messages.links import public_url

ADDRESS = "asha@example.com"
SAMPLE_CONTEXT = {
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
    "user_agent": "Firefox on Linux",
}


def _preview(name: str, language: str) -> TemplatedMessage:
    return TemplatedMessage(name, to=[ADDRESS], context=SAMPLE_CONTEXT, language=language)


PREVIEWS = {name: partial(_preview, name) for name in TYPES.values()}
