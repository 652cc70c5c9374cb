"""Two processes publish the same draft at the same moment."""

import sqlite3
import threading

import pytest
from django.core import mail
from django.db import OperationalError, connection

from newsletters.models import Issue


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("outbox_mailers")
def test_sends_once(draft, subscribed, drain):
    subscribed("ann@example.com")
    results: list[bool] = []
    start = threading.Barrier(2)

    def publish(issue: Issue) -> None:
        start.wait()
        try:
            results.append(until_unlocked(issue.publish))
        finally:
            connection.close()
            if connection.connection:  # Django keeps a connection to a database in memory open
                connection.connection.close()

    threads = [threading.Thread(target=publish, args=[Issue.objects.get()]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, True]
    drain()
    assert len(mail.outbox) == 1


def until_unlocked(action):
    """A test database in memory has one lock that nobody waits for: wait here instead."""
    for _ in range(200):
        try:
            return action()
        except OperationalError as error:
            if not isinstance(error.__cause__, sqlite3.OperationalError):
                raise
            threading.Event().wait(0.02)
    raise AssertionError("the database stayed locked")
