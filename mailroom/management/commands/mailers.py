"""`manage.py mailers [--json]`: each message type, its channel, route, providers and From."""

import json
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailroom.checks import configuration_faults, webhook_faults
from mailroom.status.overview import describe_accounts, describe_mailers


class Command(BaseCommand):
    help = "Show which provider sends each type of email, with secrets masked. Exits 1 for a fault."
    requires_system_checks = ()  # it helps to see them while something is wrong

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        # Webhooks report afterwards; email can be sent without them.
        unheard = webhook_faults()
        faults = [fault for fault in configuration_faults() if fault not in unheard]
        with suppress(*([Exception] if faults else [])):  # a router of the faults can't be shown
            found = {**describe_mailers(), "accounts": describe_accounts()}
            self.stdout.write(_as_json(found) if json else self._as_text(found))
        if faults:
            raise CommandError("\n".join(faults))

    def _as_text(self, found: dict[str, list[Any]]) -> str:
        lines = []
        for channel in found["channels"]:
            lines.append(self.style.MIGRATE_HEADING(channel["alias"]))
            lines.append(f"  via       {channel['via']}")
            lines.append(f"  providers {', '.join(channel['providers'])}")
            lines.append(f"  from      {channel['from']}")
            lines += [f"  sends     {name}" for name in channel["messages"]]
        lines.append(self.style.MIGRATE_HEADING("providers"))
        lines += [f"  {one['alias']}  {one['url']}" for one in found["providers"]]
        if found["accounts"]:
            lines.append(self.style.MIGRATE_HEADING("mail accounts"))
        for one in found["accounts"]:
            state = "" if one["active"] else "  deactivated"
            text = f"  {one['alias']}  {one['name']}  {one['url']}  from {one['from']}{state}"
            lines.append(text)
        if found["routers"]:
            lines.append(self.style.MIGRATE_HEADING("routers, in this order"))
            lines += [f"  {name}" for name in found["routers"]]
        return "\n".join(lines)


def _as_json(found: dict[str, list[Any]]) -> str:
    for channel in found["channels"]:
        del channel["via"]  # the route's name is for people
    return json.dumps(found, indent=2, ensure_ascii=False)
