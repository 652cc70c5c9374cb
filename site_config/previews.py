"""Made-up mails for the development inbox."""

from django_mail_preview import EmailPreview

from mailroom.messages import TemplatedMessage
from site_config.specimens import specimen


class SpecimenEmails(EmailPreview):
    def specimen_registration(self) -> TemplatedMessage:
        return self._specimen("registration")

    def specimen_password_reset(self) -> TemplatedMessage:
        return self._specimen("password_reset")

    def specimen_notifications(self) -> TemplatedMessage:
        return self._specimen("notifications")

    def specimen_newsletters(self) -> TemplatedMessage:
        return self._specimen("newsletters")

    def _specimen(self, channel: str) -> TemplatedMessage:
        return specimen(channel, "asha@example.com", self.params.get("language"))
