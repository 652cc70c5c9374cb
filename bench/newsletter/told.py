"""How a case says what it found: a table, or JSON, with the machine and the versions."""

import json
import os
import platform
import sys
from typing import Any


def tell(found: dict[str, Any], *, as_json: bool) -> None:
    """Print the figures of a case, and what they were made on."""
    import django

    told = {
        **found,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "django": django.get_version(),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
    }
    if as_json:
        json.dump(told, sys.stdout)
        print()
        return
    for name, value in told.items():
        print(f"{name:26} {value}")
