"""What the doctor finds, and the list of examinations."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """How an examination ended. What could not be looked up is skipped, never ok."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


Judgement = tuple[Status, str]  # and the words for it


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
    timeout: float = 4


Examination = Callable[[Means], Iterator[Finding]]
_examinations: dict[str, tuple[Examination, bool]] = {}
LONGEST_SECONDS = 9.0  # for all examinations together
SERVERS_AT_ONCE = 100  # servers that are asked at the same time


def examination(area: str, *, asks_outside: bool = False) -> Callable[[Examination], Examination]:
    """Register a function that yields findings.

    asks_outside: it waits for servers and not for the database, so it runs beside the others.
    """

    def register(function: Examination) -> Examination:
        _examinations[area] = function, asks_outside
        return function

    return register


# What can't be right before the new release runs.
RUNNING = {"worker", "queue", "webhooks", "one click"}


def examine(means: Means, *, before_release: bool = False) -> Iterator[Finding]:
    """All findings, area by area. An examination that breaks is a failure of its own area.

    before_release: leave out what can be seen only while web and worker run.
    """
    calls = {
        area: (_bound(area, function, means), asks_outside)
        for area, (function, asks_outside) in _examinations.items()
        if not (before_release and area in RUNNING)
    }
    running = start_together({area: call for area, (call, outside) in calls.items() if outside})
    found = {area: call() for area, (call, outside) in calls.items() if not outside}
    for area in _examinations:
        if area not in calls:
            yield Finding(area, "", Status.SKIPPED, "can be seen only while the site runs")
        elif area in found:
            yield from found[area]
        else:
            late = Finding(area, "", Status.FAILED, "no answer within nine seconds")
            yield from running.result(area, [late])


def _bound(area: str, function: Examination, means: Means) -> Callable[[], list[Finding]]:
    def call() -> list[Finding]:
        try:
            return list(function(means))
        except Exception as error:  # noqa: BLE001  (the others are worth knowing all the same)
            words = f"could not be examined: {error!r}"
            return [Finding(area, "", Status.FAILED, words)]

    return call


class start_together[Result]:  # noqa: N801  (reads as the verb it is)
    """Run calls in threads that nothing waits for at the end: a silent server holds up no exit."""

    def __init__(self, calls: Mapping[str, Callable[[], Result]], seconds: float = 0) -> None:
        self._room = threading.Semaphore(SERVERS_AT_ONCE)
        self._until = time.monotonic() + (seconds or LONGEST_SECONDS)
        self._results: dict[str, Result] = {}
        self._threads = {
            name: threading.Thread(target=self._run, args=(name, call), daemon=True)
            for name, call in calls.items()
        }
        for thread in self._threads.values():
            thread.start()

    def _run(self, name: str, call: Callable[[], Result]) -> None:
        with self._room:
            if time.monotonic() < self._until:
                self._results[name] = call()

    def result(self, name: str, late: Result) -> Result:
        """What a call returned, or `late` where it has not returned in time."""
        self._threads[name].join(max(0.0, self._until - time.monotonic()))
        return self._results.get(name, late)
