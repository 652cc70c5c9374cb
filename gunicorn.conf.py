"""Gunicorn's settings; GUNICORN_CMD_ARGS overrides them."""

import os
import re
from typing import Any

from gunicorn.glogging import Logger

bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 8
# Loaded once, before the workers: a faulty configuration ends the one process that there is.
preload_app = True
# Platforms kill after 30 seconds: with 30 here, the kill would come first.
graceful_timeout = 20
max_requests = 10_000
max_requests_jitter = 1_000
control_socket_disable = True
accesslog = "-"
# Without the query string and the referrer, and without what looks like a token in the path: links
# in mails carry them.
TOKEN = re.compile(r"[^/]{24,}")


class AccessLogger(Logger):
    def atoms(self, *args: Any) -> dict[str, Any]:
        atoms: dict[str, Any] = super().atoms(*args)
        return {**atoms, "U": TOKEN.sub("…", atoms["U"] or "")}


logger_class = AccessLogger
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(b)s %(M)sms'
