"""Made-up mails for the development inbox."""

from typing import Any

from django.utils.translation import get_language
from django_mail_preview import EmailPreview

from mailroom.messages import TemplatedMessage
from notifications import emails
from notifications.digests import sections
from notifications.kinds import KINDS
from notifications.models import Announcement, Notification
from notifications.preview import preview
from notifications.tokens import DIGEST

READER = "asha@example.com"
ISSUE = {"newsletter": "The Weekly Post", "subject": "Four kinds of mail"}


class NotificationEmails(EmailPreview):
    def sign_in(self) -> object:
        """Somebody logged in from a new device."""
        return self._notice("sign_in", ip="203.0.113.7", browser="Mozilla/5.0 (X11; Linux x86_64)")

    def announcement(self) -> object:
        """News from staff to everybody."""

        def make() -> TemplatedMessage:
            row = Announcement(title="We moved house", body="All mail now goes **twice** as fast.")
            row.save()
            return self._write("announcement", row.values())

        return preview(make, "announcement", READER)

    def issue_sent(self) -> object:
        """For editors: all mails of an issue have left."""
        return self._notice("issue_sent", **ISSUE, failed=2)

    def issue_stopped(self) -> object:
        """For editors: an issue waits for somebody to look at it."""
        return self._notice("issue_stopped", **ISSUE, reason="too many addresses bounced.")

    def digest(self) -> object:
        """What is new and unread, in one mail."""
        rows = [
            Notification(kind="new_issue", data=ISSUE | {"subject": title}, batch_key="The Post")
            for title in ("Four kinds of mail", "How a letter travels")
        ]
        rows.append(Notification(kind="announcement", data={"title": "We moved house"}))
        return preview(lambda: emails.digest(self._language(), sections(rows), 3), DIGEST, READER)

    def _notice(self, kind: str, **data: Any) -> object:
        return preview(lambda: self._write(kind, data), kind, READER)

    def _write(self, kind: str, data: dict[str, Any]) -> TemplatedMessage:
        row = {"data": data, "actor": "", "target_url": ""}
        return emails.notice(KINDS[kind], row, self._language())

    def _language(self) -> str:
        return self.params.get("language") or get_language()
