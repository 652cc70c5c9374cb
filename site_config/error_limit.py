"""Limit the error emails to ADMINS: the same error rarely, and only so many an hour.

The count is kept in a file that all processes of a machine share. It needs neither the database nor
the cache, which may be what is broken. Without a file that can be written it is kept in memory.
"""

import fcntl
import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

SAME_SECONDS = 600  # between two emails about the same error
HOUR_SECONDS, MOST_AN_HOUR = 3600, 20
MOST_KEYS = 200  # errors that are remembered

_memory: dict[str, Any] = {}
_lock = threading.Lock()


class LeftOut(NamedTuple):
    """What was not sent since the last email: the same error again, and others."""

    same: int
    others: int


def admit(key: str) -> LeftOut | None:
    """Count an error; what was left out before, or None where it must not be sent now."""
    with _lock:
        try:
            return _admit_in_file(key, settings.ERROR_EMAIL_STATE)
        except OSError:
            return _count(_memory, key, time.time())


def key_of(record: logging.LogRecord) -> str:
    """The same text for the same error, whatever strangers put into its words.

    An exception is known by its type and the line that raised it, anything else by the line that
    logged it.
    """
    kind, _error, trace = record.exc_info or (None, None, None)
    if kind is None or trace is None:
        return f"{record.name} {record.pathname}:{record.lineno}"
    while trace.tb_next:
        trace = trace.tb_next
    return f"{kind.__name__} {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def forget() -> None:
    """Forget what is kept in memory."""
    _memory.clear()


def _admit_in_file(key: str, path: Path | None) -> LeftOut | None:
    if path is None:
        return _count(_memory, key, time.time())
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not through a link that somebody else may have put there.
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(number, "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        state = _read(file.read())
        answer = _count(state, key, time.time())
        file.seek(0)
        file.truncate()
        json.dump(state, file)
    return answer


def _read(text: str) -> dict[str, Any]:
    """The stored count; an empty one for a file that a full disk cut short."""
    try:
        state = json.loads(text)
        return {
            "sent": [float(at) for at in state["sent"]],
            "seen": {str(k): [float(at), int(n)] for k, (at, n) in state["seen"].items()},
            "others": int(state["others"]),
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _count(state: dict[str, Any], key: str, now: float) -> LeftOut | None:
    # A time in the future comes from a clock that was wrong.
    sent = [at for at in state.get("sent", []) if now - HOUR_SECONDS < at <= now]
    seen: dict[str, list[Any]] = state.get("seen", {})
    others: int = state.get("others", 0)
    at, same = seen.get(key, [0.0, 0])
    is_recent = now - SAME_SECONDS < at <= now
    if is_recent or len(sent) >= MOST_AN_HOUR:
        seen[key] = [at if is_recent else 0.0, same + 1]
        answer = None
    else:
        sent.append(now)
        others = sum(n for other, (_, n) in seen.items() if other != key) + others
        answer = LeftOut(same, others)
        seen = {other: [at, 0] for other, (at, _) in seen.items() if now - SAME_SECONDS < at <= now}
        seen[key] = [now, 0]
        others = 0
    while len(seen) > MOST_KEYS:
        oldest = min(seen, key=lambda one: seen[one][0])
        others += seen.pop(oldest)[1]
    state.update(sent=sent, seen=seen, others=others)
    return answer
