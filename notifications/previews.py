"""Made-up emails for the development inbox, by type: each function takes a language."""

from functools import partial
from typing import Any

from django.core.mail import EmailMultiAlternatives

from mailroom.messages import TemplatedMessage
from notifications import emails
from notifications.digests import sections
from notifications.kinds import KINDS
from notifications.models import Announcement, Notification
from notifications.preview import preview_email
from notifications.tokens import DIGEST

READER = "asha@example.com"
ISSUE = {"newsletter": "The Weekly Post", "subject": "Four kinds of email"}
NOTICES: dict[str, dict[str, Any]] = {
    "sign_in": {"ip": "203.0.113.7", "browser": "Firefox on Linux"},
    "issue_sent": {**ISSUE, "failed": 2},
    "issue_stopped": {**ISSUE, "reason": "too many addresses bounced."},
}


def _notice(kind: str, language: str) -> EmailMultiAlternatives:
    return preview_email(lambda: _write(kind, NOTICES[kind], language), kind, READER)


def _announcement(language: str) -> EmailMultiAlternatives:
    def make() -> TemplatedMessage:
        row = Announcement(title="We moved house", body="All email now goes **twice** as fast.")
        row.save()
        return _write("announcement", row.values(), language)

    return preview_email(make, "announcement", READER)


def _digest(language: str) -> EmailMultiAlternatives:
    rows = [
        Notification(kind="new_issue", data=ISSUE | {"subject": title}, batch_key="The Post")
        for title in ("Four kinds of email", "How a letter travels")
    ]
    rows.append(Notification(kind="announcement", data={"title": "We moved house"}))
    return preview_email(lambda: emails.digest(language, sections(rows), 3), DIGEST, READER)


def _write(kind: str, data: dict[str, Any], language: str) -> TemplatedMessage:
    row = {"data": data, "actor": "", "target_url": ""}
    return emails.notice(KINDS[kind], row, language)


PREVIEWS = {
    **{f"notifications.{kind}": partial(_notice, kind) for kind in NOTICES},
    "notifications.announcement": _announcement,
    "notifications.digest": _digest,
}
