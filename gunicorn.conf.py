"""Gunicorn's settings; GUNICORN_CMD_ARGS overrides them."""

import os
import re
import sys
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger


def number(name: str, default: int, most: int) -> int:
    """A variable's whole number from 1 to `most`; exits with one line where it is none."""
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= most:
        sys.exit(f"{name} must be a whole number from 1 to {most}")
    return int(text)


bind = f"0.0.0.0:{number('PORT', 8000, 65535)}"
workers = number("WEB_CONCURRENCY", 2, 1000)
worker_class = "gthread"
threads = 8
environment = dict(os.environ)  # as it was given, for the worker if this process runs it too
# Fewer than threads: most of a request is not a query, and small databases take 20 connections.
os.environ.setdefault("DATABASE_POOL_SIZE", "4")
# Loaded once, before the workers: a faulty configuration ends the one process that there is.
preload_app = True
# Platforms kill after 30 seconds: with 30 here, the kill would come first.
graceful_timeout = 20
max_requests = 10_000
max_requests_jitter = 1_000
control_socket_disable = True
# By default a header SCRIPT_NAME or PATH_INFO of a trusted proxy's request bends every link.
forwarder_headers = ""
accesslog = "-"
# Without the query string and the referrer, and without what looks like a token in the path: links
# in mails carry them.
TOKEN = re.compile(r"[^/]{24,}")


class JsonLogger(Logger):
    """One object a line, as the site itself logs, and with the same secrets masked."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        root = str(Path(__file__).parent)
        if root not in sys.path:  # gunicorn adds it later
            sys.path.insert(0, root)
        from site_config.logs import JsonFormatter

        for handler in [*self.error_log.handlers, *self.access_log.handlers]:
            handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))

    def atoms(self, *args: Any) -> dict[str, Any]:
        atoms: dict[str, Any] = super().atoms(*args)
        return {**atoms, "U": TOKEN.sub("…", atoms["U"] or "")}

    def access(self, *args: Any) -> None:
        atoms = self.atoms(*args)
        details = {"request_id": atoms.get("{x-request-id}o", ""), "remote": atoms["h"]}
        details |= {"bytes": atoms["B"], "milliseconds": atoms["M"]}
        line = "{m} {U} {s}".format(**atoms)
        self.access_log.info("%s", line, extra=details)


logger_class = JsonLogger


def on_starting(server: Any) -> None:
    # The project is importable by now. In a build it is not yet so: hence no system check.
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage

    if not settings.DEBUG and getattr(staticfiles_storage, "hashed_files", True) == {}:
        # Every page would fail, the one that says so as well.
        sys.exit("Not started, static files are missing: run manage.py collectstatic --no-input")


def when_ready(server: Any) -> None:
    from site_config import one_process, settings  # the project is importable by now

    if settings.WORKER_IN_WEB:
        one_process.child.start(server, environment)


def post_fork(server: Any, worker: Any) -> None:
    from site_config import one_process

    one_process.child.close_pipe()


def on_exit(server: Any) -> None:
    from site_config import one_process

    one_process.child.stop()
