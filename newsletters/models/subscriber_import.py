"""A CSV file of people on its way in: columns chosen → checked → imported, batch by batch."""

from __future__ import annotations

import io
from typing import BinaryIO

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from newsletters.models.newsletter import Newsletter


class SubscriberImport(models.Model):
    """The file stands in the database until it is done with: web and worker share no disk."""

    class State(models.TextChoices):
        NEW = "new", _("choose columns")
        CHECKING = "checking", _("being checked")
        FAULTY = "faulty", _("problems found")
        READY = "ready", _("ready")
        RUNNING = "running", _("being imported")
        DONE = "done", _("imported")

    newsletter = models.ForeignKey(Newsletter, models.CASCADE, verbose_name=_("newsletter"))
    consent = models.CharField(_("source of consent"), max_length=500)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False)
    file_name = models.CharField(_("file"), max_length=200, editable=False)
    data = models.BinaryField(default=b"")
    header = models.JSONField(default=list, editable=False)
    columns = models.JSONField(default=dict, editable=False)
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.NEW, editable=False
    )
    total = models.PositiveIntegerField(_("rows"), default=0, editable=False)
    position = models.PositiveIntegerField(default=0, editable=False)
    counts = models.JSONField(default=dict, editable=False)
    faults = models.JSONField(default=list, editable=False)
    # The lines that can't be taken in, each with its reason, as a CSV file.
    problem_file = models.BinaryField(null=True, editable=False)
    sample = models.JSONField(default=list, editable=False)
    created_at = models.DateTimeField(_("begun at"), default=timezone.now, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("import of subscribers")
        verbose_name_plural = _("imports of subscribers")

    def __str__(self) -> str:
        return f"{self.file_name} → {self.newsletter}"

    @property
    def file(self) -> BinaryIO:
        return io.BytesIO(self.data)

    @property
    def is_working(self) -> bool:
        return self.state in {self.State.CHECKING, self.State.RUNNING}
