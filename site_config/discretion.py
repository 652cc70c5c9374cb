"""What opens a door stands in no line of a log and in no error mail."""

import logging
import re
from functools import cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils import log
from pythonjsonlogger import json

from site_config import error_limit

# Links in mails carry signed tokens; whoever reads a log must not be able to follow them. The names
# of Python's files, in tracebacks, may be as long.
TOKEN = re.compile(r"/(?![\w.-]+\.py\b)[A-Za-z0-9_.:=-]{24,}")
PASSWORD_IN_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")
SECRET_OPTION = re.compile(r"pass|key|token|secret", re.IGNORECASE)
SHORTEST = 6  # what is shorter stands in ordinary words, too


class LineFormatter(logging.Formatter):
    """A line of text, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return conceal(super().format(record))


class JsonFormatter(json.JsonFormatter):
    """A line of JSON, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return conceal(super().format(record))


class AdminEmailHandler(log.AdminEmailHandler):
    """Django's, with secrets redacted, and limited: see site_config.error_limit."""

    def emit(self, record: logging.LogRecord) -> None:
        if not settings.ADMINS:
            return
        left_out = error_limit.admit(error_limit.key_of(record))
        if left_out is not None:
            record.left_out = left_out
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        left_out = getattr(record, "left_out", None)
        if not left_out or not any(left_out):
            return text
        counts = f"this error {left_out.same} more times, other errors {left_out.others} times"
        return f"{text}\n\nNot sent since the last email: {counts}."

    def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
        super().send_mail(conceal(str(subject)), conceal(str(message)), *args, **kwargs)


def conceal(text: str) -> str:
    """The text without what would open a door."""
    for secret in _secrets():
        text = text.replace(secret, "…")
    return TOKEN.sub("/…", PASSWORD_IN_URL.sub("…", text))


@cache
def _secrets() -> list[str]:
    """Keys and passwords of this installation, as they stand in its settings: read once."""
    found = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, *settings.WEBHOOK_SECRETS]
    found += [key for keys in settings.WEBHOOK_KEYS.values() for key in keys]
    found.append(settings.DATABASES["default"].get("PASSWORD") or "")
    for mailer in settings.MAILERS.values():
        options = mailer.get("OPTIONS", {}).items()
        found += [value for name, value in options if SECRET_OPTION.search(name)]
    return [one for one in found if isinstance(one, str) and len(one) >= SHORTEST]


@receiver(setting_changed)
def _read_again(**_: object) -> None:
    """As Django's own caches of settings do: it is sent by tests alone."""
    _secrets.cache_clear()
