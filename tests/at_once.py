"""Two people, or two processes, who do the same at the same moment."""

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connection


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Run actions in threads that begin together, each with its own connection; their results."""
    results: list[Any] = []
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], Any]) -> None:
        start.wait()
        try:
            results.append(_until_unlocked(action))
        finally:
            connection.close()
            if connection.connection:  # Django keeps a connection to a database in memory open
                connection.connection.close()

    threads = [threading.Thread(target=run, args=[action]) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _until_unlocked(action: Callable[[], Any]) -> Any:
    """A test database in memory has one lock that nobody waits for: wait here instead."""
    for _ in range(200):
        try:
            return action()
        except OperationalError as error:
            if not isinstance(error.__cause__, sqlite3.OperationalError):
                raise
            threading.Event().wait(0.02)
    raise AssertionError("the database stayed locked")
