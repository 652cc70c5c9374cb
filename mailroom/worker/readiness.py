"""Is this installation ready to deliver: the database answers, is migrated, and a worker lives."""

import logging
import time
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from mailroom.delivery import shutdown
from mailroom.models import WorkerBeat
from mailroom.outcomes import database_fault

logger = logging.getLogger(__name__)

MIGRATIONS_PENDING = "Migrations pending: run manage.py migrate"
PATIENCE_SECONDS = 60  # for a release that migrates while workers start
_is_migrated = False


def too_old(loader: MigrationLoader) -> str:
    """Return why this code can't upgrade the loader's database in one sentence, or "".

    A squashed migration whose replaced files are gone names in `upgrades_from` the last commit that
    had them. Where only some of them are applied, Django leaves the migration out and changes
    nothing, without a word.
    """
    stuck = [
        migration
        for key, migration in loader.replacements.items()
        if key not in loader.graph.nodes and hasattr(migration, "upgrades_from")
    ]
    if not stuck:
        return ""
    apps = ", ".join(sorted(migration.app_label for migration in stuck))
    return (
        f"The tables of {apps} are too old for this version: first run manage.py migrate "
        f"with the code of {stuck[0].upgrades_from}, then with this one"
    )


def refuse_too_old_database(using: str, **kwargs: Any) -> None:
    """Stop a `migrate` without checks before it changes anything. Raises CommandError."""
    if fault := too_old(MigrationLoader(connections[using])):
        raise CommandError(f"{fault}.")


def migration_fault() -> str:
    """Return what the database lacks of this code's migrations, or "". Raises DatabaseError.

    Once it lacks nothing, it is not looked up again: the code of a process does not change.
    """
    global _is_migrated  # noqa: PLW0603
    if _is_migrated:
        return ""
    executor = MigrationExecutor(connection)
    if fault := too_old(executor.loader):
        return fault
    _is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "" if _is_migrated else MIGRATIONS_PENDING


def readiness() -> dict[str, Any]:
    """`{"ready": bool, "database": "ok" | what is wrong with it, "workers": int}`."""
    try:
        if fault := migration_fault():
            return {"ready": False, "database": fault, "workers": 0}
        workers = WorkerBeat.alive().count()
    except DatabaseError:
        return {"ready": False, "database": "unreachable", "workers": 0}
    return {"ready": workers > 0, "database": "ok", "workers": workers}


def wait_for_migrations() -> None:
    """Return once the database is migrated. A database that is away is waited for without end.

    Raises CommandError where it is not after PATIENCE_SECONDS. So too where it looks too old:
    `migrate` records what a squashed migration replaces row by row.
    """
    end = None
    while not shutdown.is_wanted():
        try:
            fault = migration_fault()
        except DatabaseError as error:
            logger.warning("%s; trying again.", database_fault(error))
            connection.close()
        else:
            if not fault:
                return
            if end is None:
                end = time.monotonic() + PATIENCE_SECONDS
                logger.warning("%s. Waiting for up to %s s.", fault, PATIENCE_SECONDS)
            if time.monotonic() >= end:
                raise CommandError(f"{fault}.")
        shutdown.wait(1)
