"""`inbox`: the server's time for a page of a development inbox that is full; 1 above the limit."""

import argparse
import shutil
import sqlite3
import tempfile
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

from bench.stand import Stand
from bench.waiting import median_ms

EMAILS = 5000
LIMIT = 200  # milliseconds
PAGES = {"newest": "", "search": "?q=number+7", "last page": "?page=999"}
COLUMNS = "at, channel, provider, sender, recipients, subject, message_id, searched, raw"
REPEAT = f"""
WITH RECURSIVE turn(number) AS (SELECT 2 UNION ALL SELECT number + 1 FROM turn WHERE number < ?)
INSERT INTO email ({COLUMNS}) SELECT {COLUMNS} FROM email, turn
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("inbox", help=__doc__)
    parser.add_argument("--emails", type=int, default=EMAILS)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--limit", type=int, default=LIMIT, help="milliseconds")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """The median time of each page."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-inbox-"))
    (folder / "static").mkdir()
    with Stand(folder, variables={"DEBUG": "1"}):
        from django.test import Client

        fill(options.emails)
        client, slowest = Client(), 0.0
        for name, query in PAGES.items():

            def page(query: str = query) -> None:
                answer = client.get(f"/inbox/{query}", headers={"host": "127.0.0.1"})
                assert answer.status_code == 200, answer.content[:500]

            middle = median_ms(page, options.rounds)
            print(f"{name}: {middle:.0f} ms of {options.emails} emails (limit {options.limit})")
            slowest = max(slowest, middle)
    shutil.rmtree(folder)
    return int(slowest > options.limit)


def fill(number: int) -> None:
    """Put so many emails of 20 kB into the inbox: a hundred as they arrive, and copies of them."""
    from django.conf import settings

    from sandbox.inbox import Accepted, store_email

    for one in range(first := min(number, 100)):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = (
            "a@example.com",
            "b@example.com",
            f"Number {one}",
        )
        mail.set_content("No problems here.\n" * 1100)
        store_email(Accepted("mailgun:example.com", mail, [f"reader{one}@example.com"]))
    with closing(sqlite3.connect(settings.INBOX_FILE)) as file, file:
        file.execute(REPEAT, [number // first])
