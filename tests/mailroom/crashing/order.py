"""What is asked of a case, and what it answers."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from bench.stand import Stand
from tests.mailroom.crashing.account import Account

WINDOW = 100  # rows that one worker may have in flight


class Order(NamedTuple):
    """What was asked for on the command line, and a folder to do it in."""

    recipients: int = 500
    kills: int = 4
    workers: int = 2
    database_url: str = ""
    engine: str = ""  # redis or rabbitmq, for Celery; "" for the database
    folder: Path = Path(tempfile.gettempdir())

    def stand(self, **more: Any) -> Stand:
        return Stand(
            self.folder, **{"database_url": self.database_url, "engine": self.engine, **more}
        )


class Verdict(NamedTuple):
    account: Account
    faults: list[str]


def nothing_lost(account: Account) -> list[str]:
    faults = [f"{account.lost} lost"] if account.lost else []
    return [*faults, f"{account.unsaid} sent and denied"] if account.unsaid else faults


def nothing_doubled(account: Account) -> list[str]:
    return [f"{account.doubled} doubled"] if account.doubled else []


def bounded(account: Account, workers_struck: int = 1) -> list[str]:
    """No more is in doubt than was in flight, and all the rest was sent."""
    if account.uncertain > account.kills * workers_struck * WINDOW:
        return ["more uncertain than could be in flight"]
    if account.states.get("sent", 0) + account.uncertain != account.recipients:
        return ["not everything was sent in the end"]
    return []
