"""Who did what to an issue. Rows are written and never changed, and outlive their users."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from newsletters.models.issue import Issue


class Step(models.TextChoices):
    SAVED = "saved", _("saved the draft")
    TESTED = "tested", _("sent a test")
    PUBLISHED = "published", _("published it")
    SCHEDULED = "scheduled", _("scheduled it")
    UNDONE = "undone", _("took it back to a draft")
    BEGUN = "begun", _("the sending began")
    PAUSED = "paused", _("paused it")
    RESUMED = "resumed", _("resumed it")
    CANCELLED = "cancelled", _("cancelled the rest")
    STOPPED = "stopped", _("it stopped by itself")
    RETRIED = "retried", _("tried failed mails again")
    RESOLVED = "resolved", _("decided about uncertain mails")
    DUPLICATED = "duplicated", _("made a new draft of it")
    SENT = "sent", _("all its mails were sent")


class HistoryEntry(models.Model):
    """One step. The admin's own log needs a user for each entry: an issue also acts by itself."""

    Step = Step

    issue = models.ForeignKey(Issue, models.CASCADE, related_name="history")
    step = models.CharField(max_length=12, choices=Step.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    who = models.CharField(max_length=200, blank=True)  # still there when the user is gone
    note = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("history entry")
        verbose_name_plural = _("history entries")

    def __str__(self) -> str:
        return f"{self.who} {self.get_step_display()}".strip()


def record(issue: Issue, step: Step, by: Any = None, note: str = "") -> None:
    """Write down that somebody did something; by: a user, None for the site itself."""
    HistoryEntry.objects.create(
        issue=issue, step=step, user=by, who=name_of(by), note=str(note)[:500]
    )


def name_of(user: Any) -> str:
    return (user.get_full_name() or str(user))[:200] if user else ""
