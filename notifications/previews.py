"""Made-up mails for the development inbox."""

from django_mail_preview import EmailPreview

from mailroom.messages import TemplatedMessage


class NotificationEmails(EmailPreview):
    def announcement(self) -> TemplatedMessage:
        """News from staff to everybody."""
        return TemplatedMessage(
            "notifications.announcement",
            to=["asha@example.com"],
            context={"title": "We moved house", "body": "All mail now goes **twice** as fast."},
            language=self.params.get("language"),
        )
