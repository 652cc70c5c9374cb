"""Is this installation ready to deliver: the database answers, and a worker lives."""

from typing import Any

from django.db import DatabaseError

from mailroom.models import WorkerBeat


def readiness() -> dict[str, Any]:
    """`{"ready": bool, "database": "ok" | "unreachable", "workers": int}`."""
    try:
        workers = WorkerBeat.alive().count()
    except DatabaseError:
        return {"ready": False, "database": "unreachable", "workers": 0}
    return {"ready": workers > 0, "database": "ok", "workers": workers}
