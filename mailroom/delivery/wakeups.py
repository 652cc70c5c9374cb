"""Wake the workers when something was queued, without asking the database again and again.

Within one process an event does it. On PostgreSQL a NOTIFY in the enqueuing transaction reaches
every worker at its commit; on SQLite a worker sees that the file has changed.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import DatabaseError, connection, transaction

logger = logging.getLogger(__name__)

PG_CHANNEL = "mailroom"
POLL_SECONDS = 30.0  # between two looks at the table, should a wake-up have been lost
TASK_QUEUED = "tasks"  # in the place of a channel: a task was queued

_listeners: list[Callable[["Wakeup"], None]] = []


class Wakeup(NamedTuple):
    """What there is to do: a channel and a route with due email, `TASK_QUEUED`, anything ("")."""

    channel: str = ""
    route: str = ""

    def __call__(self) -> None:
        """Tell the listeners in this process, once the transaction is committed."""
        for listener in _listeners:
            listener(self)


def wake(channel: str = "", route: str = "") -> None:
    """Wake the workers when the current transaction is committed, once for each pair in it."""
    wakeup = Wakeup(channel, route)
    if any(callback == wakeup for _, callback, *_ in connection.run_on_commit):
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [PG_CHANNEL, "\n".join(wakeup)])
    transaction.on_commit(wakeup, robust=True)  # type: ignore[arg-type]  # it can be called


def listen(listener: Callable[[Wakeup], None]) -> Callable[[], None]:
    """Call `listener` for each wake-up of this process; the function that ends it."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


class Watcher:
    """Waits for what other processes queue, on a connection of its own.

    hears: False where nothing can be heard, so that the worker has to look once a second: through
    PgBouncer in transaction mode LISTEN raises no error and hears nothing.
    """

    HEARD_WITHIN = 5.0  # seconds

    def __init__(self, listener: Callable[[Wakeup], None]) -> None:
        self._listener = listener
        self._connection: Any = None
        self._version = 0
        self._heard = threading.Event()
        self.hears = connection.vendor == "sqlite"

    def watch(self, seconds: float) -> None:
        """Wait for at most so long; raises DatabaseError where the database is away."""
        if connection.vendor == "postgresql":
            self._listen(seconds)
        else:
            self._look_at_file(seconds)

    def close(self) -> None:
        own, self._connection = self._connection, None
        if own is not None:
            own.close()

    def _listen(self, seconds: float) -> None:
        import psycopg  # noqa: PLC0415  (with PostgreSQL only)

        try:
            if self._connection is None:
                self._begin_to_listen(psycopg)
            for notice in self._connection.notifies(timeout=seconds, stop_after=1):
                if notice.payload == self._test:
                    self.hears = True
                else:
                    self._listener(Wakeup(*notice.payload.split("\n")))
        except (psycopg.Error, OSError) as error:
            self.close()
            self.hears = False
            raise DatabaseError(str(error)) from error

    def _begin_to_listen(self, psycopg: Any) -> None:
        """Connect past any pool, and send a notice to oneself to see whether it arrives."""
        parameters = connection.get_connection_params()
        for name in ("cursor_factory", "context", "pool"):
            parameters.pop(name, None)
        self._connection = psycopg.connect(**parameters, autocommit=True)
        self._test = f"test\n{id(self)}"
        self._connection.execute(f"LISTEN {PG_CHANNEL}")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [PG_CHANNEL, self._test])
        for notice in self._connection.notifies(timeout=self.HEARD_WITHIN, stop_after=1):
            self.hears = notice.payload == self._test
        if not self.hears:
            logger.warning(
                "LISTEN hears nothing through this database connection (a pooler in transaction "
                "mode?): the worker looks for email once a second."
            )
        self._listener(Wakeup())  # what was queued before somebody listened

    def _look_at_file(self, seconds: float) -> None:
        """SQLite counts the commits of others: PRAGMA data_version costs no disk access."""
        connection.ensure_connection()
        waited = 0.0
        while waited < seconds:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA data_version")
                version = cursor.fetchone()[0]
            if version != self._version:
                self._version = version
                self._listener(Wakeup())
            threading.Event().wait(0.1)
            waited += 0.1
