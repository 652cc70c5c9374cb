"""Made-up mails for the development inbox."""

from django_mail_preview import EmailPreview

from mailroom.messages import TemplatedMessage


class MailroomEmails(EmailPreview):
    def test(self) -> TemplatedMessage:
        """Tries one mailer, on the page about all of them."""
        return TemplatedMessage(
            "mailroom.test",
            to=["staff@example.com"],
            context={"alias": "postmark"},
            language=self.params.get("language"),
        )
