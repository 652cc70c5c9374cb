"""The site's settings, with what only the bench needs."""

import os
from pathlib import Path
from typing import Any

from django.db.backends.signals import connection_created

from mailroom.message_types import bulk, transactional
from site_config.environment import static_storage
from site_config.settings import *  # noqa: F403
from site_config.settings import MESSAGE_TYPES as SITE_TYPES
from site_config.settings import STORAGES as SITE_STORAGES

# Two message types whose recipients need not be subscribers.
MESSAGE_TYPES = {
    **SITE_TYPES,
    "bench.bulk": bulk("newsletters"),
    "bench.transactional": transactional("password_reset"),
}
SILENCED_SYSTEM_CHECKS = ["mailroom.W005"]  # the two have no templates
ROOT_URLCONF = "tests.mailroom.crashing.urls"
STORAGES = {**SITE_STORAGES, "staticfiles": {"BACKEND": static_storage(debug=True)}}
# One machine plays all the visitors, and a slow hash would be all that is measured.
PUBLISH_GRACE_SECONDS = 0
ACCOUNT_RATE_LIMITS = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def count_statements(connection: Any, **kwargs: object) -> None:
    """Add a byte to a file for each statement of a connection that was opened."""
    if counted not in connection.execute_wrappers:
        connection.execute_wrappers.append(counted)


def counted(execute: Any, sql: str, *arguments: Any) -> Any:
    if sql != "PRAGMA data_version":  # SQLite's for "has anybody written?", which reads no table
        with Path(os.environ["COUNT_STATEMENTS_IN"]).open("a") as file:
            file.write(".")
    return execute(sql, *arguments)


if "COUNT_STATEMENTS_IN" in os.environ:
    connection_created.connect(count_statements, weak=False)
