"""What happened to an issue, as the admin shows it."""

from typing import Any

from newsletters.models import HistoryEntry, Issue
from newsletters.models.issue import Step, record

CHANGES_SHOWN = 50


def latest(issue: Issue) -> list[HistoryEntry]:
    """The last steps, newest first."""
    return list(issue.history.all()[:CHANGES_SHOWN])


def record_saved(issue: Issue, by: Any) -> None:
    """A draft is saved many times in a row by the same person: that is one line."""
    last = issue.history.first()
    if last and last.step == Step.SAVED and last.user_id == by.pk:
        last.delete()
    record(issue, Step.SAVED, by)
