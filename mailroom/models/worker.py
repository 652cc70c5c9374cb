"""Which workers live, and which of them winds the clock."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

DEAD_AFTER = timedelta(seconds=30)


class WorkerBeat(models.Model):
    """A worker process that says every few seconds that it lives."""

    name = models.CharField(_("worker"), max_length=64, primary_key=True)
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    beat_at = models.DateTimeField(_("last seen"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def alive(cls) -> models.QuerySet["WorkerBeat"]:
        return cls.objects.filter(beat_at__gt=timezone.now() - DEAD_AFTER)


class ClockLease(models.Model):
    """A repeated piece of work and when it is due next; winning it is a conditional UPDATE."""

    name = models.CharField(max_length=200, primary_key=True)
    due_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("clock lease")
        verbose_name_plural = _("clock leases")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def resting(cls) -> set[str]:
        """The names of what is not due yet, in one query."""
        return set(cls.objects.filter(due_at__gt=timezone.now()).values_list("name", flat=True))

    @classmethod
    def win(cls, name: str, seconds: float) -> bool:
        """True for exactly one caller every `seconds`, over all processes."""
        now = timezone.now()
        due = now + timedelta(seconds=seconds)
        if cls.objects.filter(Q(name=name), due_at__lte=now).update(due_at=due):
            return True
        _row, created = cls.objects.get_or_create(name=name, defaults={"due_at": due})
        return created
