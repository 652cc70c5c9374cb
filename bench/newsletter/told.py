"""How a case says what it found: a table, or JSON, with the machine and the versions."""

import json
import os
import platform
import sqlite3
import sys
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """What figures were made on, and by which versions."""
    import django

    return {
        "machine": f"{_processor()}, {platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "load, 15 minutes": round(os.getloadavg()[2], 1),
        "python": platform.python_version(),
        "django": django.get_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def _processor() -> str:
    """The model that Linux names, where there is one."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            names = (line.partition(":")[2].strip() for line in lines if "model name" in line)
            return next(names, platform.machine())
    except OSError:
        return platform.machine()


def tell(found: dict[str, Any], *, as_json: bool) -> None:
    """Print the figures of a case, and what they were made on."""
    told = {**found, **machine()}
    if as_json:
        json.dump(told, sys.stdout)
        print()
        return
    for name, value in told.items():
        print(f"{name:26} {value}")
