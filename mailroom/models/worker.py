"""Which workers are alive, and when each periodic job is due."""

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.db import models
from django.db.models import ExpressionWrapper, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailroom.models.queries import database_now, update_returning

logger = logging.getLogger(__name__)

DEAD_AFTER = timedelta(seconds=30)


class WorkerBeat(models.Model):
    """A worker process that says every few seconds that it is alive."""

    name = models.CharField(_("worker"), max_length=64, primary_key=True)
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    beat_at = models.DateTimeField(_("last seen"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def beat(cls, name: str) -> None:
        """Say that the worker `name` is alive."""
        now = database_now()
        if not cls.objects.filter(pk=name).update(beat_at=now):
            cls.objects.update_or_create(name=name, defaults={"beat_at": now})

    @classmethod
    def alive(cls) -> models.QuerySet["WorkerBeat"]:
        """Those seen lately; one seen in the future had a wrong clock, and says nothing."""
        now = database_now()
        return cls.objects.filter(beat_at__gt=now - DEAD_AFTER, beat_at__lt=now + DEAD_AFTER)


class ClockLease(models.Model):
    """A periodic job and when it is due next. Winning it is a conditional UPDATE.

    All times are the database server's on PostgreSQL. A lease that is further ahead than its
    interval was written by a machine whose clock was wrong: it counts as due.
    """

    name = models.CharField(max_length=200, primary_key=True)
    due_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("clock lease")
        verbose_name_plural = _("clock leases")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def win(cls, name: str, seconds: float) -> bool:
        """True for exactly one caller every `seconds`, over all processes."""
        return bool(cls.win_some([name], seconds))

    @classmethod
    def win_some(
        cls, names: Iterable[str], seconds: float, *, free_after: float | None = None
    ) -> set[str]:
        """Those of the names that are due now, each for one caller every `seconds`.

        free_after: seconds, where the next caller may come a little early.
        """
        wanted = set(names)
        now, interval = database_now(), timedelta(seconds=seconds)
        due_at = now + timedelta(seconds=free_after or seconds)
        rows = cls.objects.filter(name__any_of=wanted)
        won = set(update_returning(rows.filter(due_at__lte=now), due_at=due_at))
        if won == wanted:
            return won
        others = rows.annotate(is_ahead=ExpressionWrapper(
            Q(due_at__gt=now + interval), output_field=models.BooleanField()
        ))  # fmt: skip
        known = dict(others.values_list("name", "is_ahead"))
        if ahead := [name for name, is_ahead in known.items() if is_ahead]:
            logger.warning(
                "The leases of periodic jobs are ahead of the clock, and count as due: %s.",
                ", ".join(sorted(ahead)),
            )
            wrong = cls.objects.filter(name__any_of=ahead, due_at__gt=now + interval)
            won |= set(update_returning(wrong, due_at=due_at))
        for name in wanted - known.keys():
            if cls.objects.get_or_create(name=name, defaults={"due_at": due_at})[1]:
                won.add(name)
        return won

    @classmethod
    def end(cls, name: str) -> None:
        """Let the next caller win at once."""
        cls.objects.filter(name=name).update(due_at=database_now())
