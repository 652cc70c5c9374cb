"""The mail about one event: the same content for all who read one language."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from mailroom.models import Message


class Mailing(models.Model):
    """Which frozen message tells an event (a kind and its dedupe key) in a language.

    An announcement that goes on after a crash goes on with the same message, to which each address
    is added once.
    """

    kind = models.CharField(max_length=50)
    event = models.CharField(max_length=200)
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")

    class Meta:
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "event", "language"], name="one_mailing_an_event_and_language"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event} ({self.language})"
