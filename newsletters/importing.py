"""The work of an import: look at every row, then take the people in, a batch at a time."""

from collections import Counter
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mailroom.leases import locked
from newsletters import csv_file
from newsletters.imports import LEFT, ImportResult, SubscriptionResource, outcome
from newsletters.models import SubscriberImport

State = SubscriberImport.State
MOST_FAULTS = 100  # beyond that nobody reads on
SAMPLE = 200


def go_on(job: SubscriberImport) -> None:
    """Do what its state says; begun anew after a crash, it goes on where it was."""
    if job.state == State.CHECKING:
        _check(job)
    elif job.state == State.RUNNING:
        _run(job)


def _check(job: SubscriberImport) -> None:
    resource, rows = _resource(job), SubscriberImport.objects.filter(pk=job.pk, state=job.state)
    counts, faults, sample, seen = Counter[str](), list[str](), list[Any](), 0
    try:
        for batch in csv_file.batches(job.file, job.columns):
            result = resource.take_in(batch, dry_run=True)
            seen += batch.number
            counts += result.counts
            faults += result.faults[: MOST_FAULTS - len(faults)]
            sample += _shown(result)[: SAMPLE - len(sample)]
            rows.update(position=seen)
    except ValidationError as error:
        faults += error.messages
    if not (counts or faults):
        faults = [_("The file has no rows.")]
    state = State.FAULTY if faults else State.READY
    rows.update(state=state, total=seen, counts=counts, faults=faults, sample=sample)


def _shown(result: ImportResult) -> list[list[str]]:
    rows = [(outcome(row), row.instance) for row in result.valid_rows()]
    return [[what, one.email, one.name, one.language] for what, one in rows]


def _run(job: SubscriberImport) -> None:
    """Each batch, and that it is done, in one transaction: another worker's is not done again."""
    resource, position = _resource(job), job.position
    for batch in csv_file.batches(job.file, job.columns, skip=position):
        with transaction.atomic():
            mine = SubscriberImport.objects.filter(pk=job.pk, state=State.RUNNING)
            row = locked(mine.filter(position=position).defer("data")).first()
            if row is None:
                return
            result = resource.take_in(batch)
            if result.faults:  # somebody came or went just now: the next try sees it
                raise ValidationError(result.faults)
            position += batch.number
            mine.update(position=position, counts=Counter(row.counts) + result.counts)
    finished = {"state": State.DONE, "finished_at": timezone.now(), "data": b"", "sample": []}
    SubscriberImport.objects.filter(pk=job.pk, state=State.RUNNING, position=position).update(
        **finished
    )


def _resource(job: SubscriberImport) -> SubscriptionResource:
    return SubscriptionResource(newsletter=job.newsletter, consent=job.consent)


def in_words(counts: dict[str, int]) -> list[tuple[str, int]]:
    """The numbers of an import, each with what it means."""
    words = {
        "new": _("new"),
        "confirmed": _("waited for confirmation, now confirmed"),
        "known": _("subscribed already, left as they are"),
        LEFT: _("left before, stay out"),
    }
    return [(word, counts.get(name, 0)) for name, word in words.items()]
