"""Is this installation ready to deliver: the database answers, is migrated, and a worker lives."""

import logging
import time
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from mailroom.delivery import shutdown
from mailroom.models import WorkerBeat
from mailroom.outcomes import database_fault

logger = logging.getLogger(__name__)

MIGRATIONS_PENDING = "Migrations pending: run manage.py migrate"
PATIENCE_SECONDS = 60  # for a release that migrates while workers start
_is_migrated = False


def migrations_pending() -> bool:
    """True where the database lacks a migration of this code. Raises DatabaseError.

    Once there is none, it is not looked up again: the code of a process does not change.
    """
    global _is_migrated  # noqa: PLW0603
    if not _is_migrated:
        executor = MigrationExecutor(connection)
        _is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return not _is_migrated


def readiness() -> dict[str, Any]:
    """`{"ready": bool, "database": "ok" | "unreachable" | MIGRATIONS_PENDING, "workers": int}`."""
    try:
        if migrations_pending():
            return {"ready": False, "database": MIGRATIONS_PENDING, "workers": 0}
        workers = WorkerBeat.alive().count()
    except DatabaseError:
        return {"ready": False, "database": "unreachable", "workers": 0}
    return {"ready": workers > 0, "database": "ok", "workers": workers}


def wait_for_migrations() -> None:
    """Return once the database is migrated. A database that is away is waited for without end.

    Raises CommandError where migrations are still pending after PATIENCE_SECONDS.
    """
    end = None
    while not shutdown.is_wanted():
        try:
            if not migrations_pending():
                return
        except DatabaseError as error:
            logger.warning("%s; trying again.", database_fault(error))
            connection.close()
        else:
            if end is None:
                end = time.monotonic() + PATIENCE_SECONDS
                logger.warning("%s. Waiting for up to %s s.", MIGRATIONS_PENDING, PATIENCE_SECONDS)
            if time.monotonic() >= end:
                raise CommandError(f"{MIGRATIONS_PENDING}.")
        shutdown.wait(1)
