"""What staff announced."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from notifications.validators import ordinary_text, subject_line

ANNOUNCEMENT_CHARACTERS = 100_000  # of a text: rendering it has to stay quick


class Announcement(models.Model):
    """News from staff to those it concerns: draft → sending → sent."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SENDING = "sending", _("being sent")
        SENT = "sent", pgettext_lazy("an issue or announcement", "sent")

    class Audience(models.TextChoices):
        EVERYBODY = "everybody", _("everyone with an account")
        STAFF = "staff", _("who may use the admin")

    title = models.CharField(_("title"), max_length=150, validators=[subject_line])
    body = models.TextField(_("text"), help_text=_("Markdown"), validators=[ordinary_text])
    audience = models.CharField(
        _("audience"), max_length=10, choices=Audience, default=Audience.EVERYBODY
    )
    language = models.CharField(
        _("language"),
        max_length=10,
        choices=settings.LANGUAGES,
        blank=True,
        help_text=_("Empty: all languages."),
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False
    )
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.DRAFT, editable=False
    )
    created_at = models.DateTimeField(_("written at"), default=timezone.now, editable=False)
    sent_at = models.DateTimeField(_("sent at"), null=True, editable=False)

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        permissions = [("send_announcement", _("Can send announcements to everybody"))]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        if len(self.body) > ANNOUNCEMENT_CHARACTERS:
            text = _("The text has %(length)s characters; at most %(most)s are possible.")
            values = {"length": len(self.body), "most": ANNOUNCEMENT_CHARACTERS}
            raise ValidationError({"body": ValidationError(text, params=values)})

    def get_absolute_url(self) -> str:
        return reverse("notifications:announcement", args=[self.pk])

    @property
    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT

    def values(self) -> dict[str, Any]:
        return {"announcement": self.pk, "title": self.title}
