"""`manage.py doctor [--json] [--send-to ADDRESS]`: is this installation able to deliver?"""

import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import autodiscover_modules

from mailroom.conf import needs
from mailroom.doctor.findings import Finding, Means, Status, examine
from mailroom.doctor.live import send_to

# Each registers its examinations, in this order.
EXAMINATIONS = ("configuration", "connections", "domains", "headers", "own_urls", "work")


class Command(BaseCommand):
    help = "Examine whether this installation can deliver. Ends with 1 where something failed."
    requires_system_checks = ()  # what they say is among the findings

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--send-to", metavar="ADDRESS", help="send an email through every channel"
        )
        parser.add_argument(
            "--release", action="store_true", help="leave out what must be running: web, worker"
        )
        parser.add_argument(
            "--strict", action="store_true", help="end with 1 where there is a warning, too"
        )
        parser.add_argument(
            "--nameserver",
            action="append",
            default=[],
            metavar="HOST[:PORT]",
            help="ask this name server instead of the system's",
        )
        parser.add_argument("--timeout", type=float, default=4, help="seconds for each answer")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for name in EXAMINATIONS:
                import_module(f"mailroom.doctor.{name}")
        except ModuleNotFoundError as error:
            text = f"{needs('manage.py doctor', 'doctor')} ({error.name})."
            raise CommandError(text) from None
        autodiscover_modules("doctor")
        means = Means(tuple(options["nameserver"]), options["timeout"])
        found = list(examine(means, before_release=options["release"]))
        if options["send_to"]:
            found += send_to(options["send_to"])
        self.stdout.write(_as_json(found) if options["json"] else self._as_table(found))
        bad = {Status.FAILED, Status.WARNING} if options["strict"] else {Status.FAILED}
        if any(one.status in bad for one in found):
            raise SystemExit(1)

    def _as_table(self, found: Iterable[Finding]) -> str:
        found = list(found)
        styles = {
            Status.OK: self.style.SUCCESS,
            Status.WARNING: self.style.WARNING,
            Status.FAILED: self.style.ERROR,
            Status.SKIPPED: self.style.HTTP_NOT_MODIFIED,
        }
        area = max(len(one.area) for one in found)
        about = min(40, max(len(one.about) for one in found))
        lines = [
            f"{styles[one.status](f'{one.status:8}')} {one.area:{area}}  {one.about:{about}}  "
            f"{one.words}"
            for one in found
        ]
        counts = Counter(one.status for one in found)
        lines.append(", ".join(f"{counts[status]} {status}" for status in Status))
        return "\n".join(lines)


def _as_json(found: Iterable[Finding]) -> str:
    rows = [one._asdict() for one in found]
    failed = any(one["status"] == Status.FAILED for one in rows)
    return json.dumps({"ok": not failed, "findings": rows}, indent=2, ensure_ascii=False)
