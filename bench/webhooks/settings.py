"""The site's settings, with a database that takes its time over every statement."""

import os
import time
from typing import Any

from django.db.backends.signals import connection_created

from site_config.settings import *  # noqa: F403

_DELAY = int(os.environ.get("BENCH_SLOW_MS", "0")) / 1000


def _slowly(execute: Any, *arguments: Any) -> Any:
    time.sleep(_DELAY)
    return execute(*arguments)


def _wrap(sender: object, connection: Any, **kwargs: Any) -> None:
    if _slowly not in connection.execute_wrappers:
        connection.execute_wrappers.append(_slowly)


if _DELAY:
    connection_created.connect(_wrap, weak=False)
