"""What the doctor finds, and the list of examinations."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """How an examination ended. What could not be looked up is skipped, never ok."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Finding(NamedTuple):
    """One line of the doctor's table: about what, how it is, and what to do."""

    area: str
    about: str
    status: Status
    words: str


class Means(NamedTuple):
    """What an examination may use: name servers (`host` or `host:port`; none for the system's) and
    the seconds it may wait for an answer from outside."""

    nameservers: tuple[str, ...] = ()
    timeout: float = 10


Examination = Callable[[Means], Iterator[Finding]]
_examinations: dict[str, Examination] = {}


def examination(area: str) -> Callable[[Examination], Examination]:
    """Register a function that yields findings."""

    def register(function: Examination) -> Examination:
        _examinations[area] = function
        return function

    return register


# What can't be right before the new release runs.
RUNNING = {"worker", "queue", "webhooks", "one click"}


def examine(means: Means, *, before_release: bool = False) -> Iterator[Finding]:
    """All findings, area by area. An examination that breaks is a failure of its own area.

    before_release: leave out what can be seen only while web and worker run.
    """
    for area, function in _examinations.items():
        if before_release and area in RUNNING:
            yield Finding(area, "", Status.SKIPPED, "can be seen only while the site runs")
            continue
        try:
            yield from function(means)
        except Exception as error:  # noqa: BLE001  (the others are worth knowing all the same)
            yield Finding(area, "", Status.FAILED, f"could not be examined: {error!r}")
