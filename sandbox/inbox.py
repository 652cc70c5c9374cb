"""The inbox of a development site: every email that its providers delivered.

It is one SQLite file of its own, settings.INBOX_FILE: the site, the worker and the sandbox write to
it without waiting for each other's transactions, and none of it is in the site's database.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from importlib import import_module
from typing import Any

import django.core.mail
from django.apps import apps
from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import module_has_submodule

from mailroom.addresses import address_key
from mailroom.models import Delivery

KEPT_EMAILS = 5000
INBOX_DAYS = 14
SEARCHED_CHARACTERS = 5000  # of the text
SCHEMA = """
CREATE TABLE IF NOT EXISTS email (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, channel TEXT, provider TEXT, sender TEXT,
    recipients TEXT, subject TEXT, message_id TEXT, searched TEXT, raw BLOB
);
CREATE INDEX IF NOT EXISTS email_at ON email (at);
CREATE INDEX IF NOT EXISTS email_channel ON email (channel);
CREATE INDEX IF NOT EXISTS email_provider ON email (provider);
CREATE INDEX IF NOT EXISTS email_message_id ON email (message_id);
"""
INBOX_COLUMNS = "id, at, channel, provider, sender, recipients, subject, message_id"
OUR_MESSAGE_ID = re.compile(r"<[0-9a-f]{24}\.([0-9a-f]{32})@")


@dataclass(frozen=True)
class Accepted:
    """An email that a provider took: what its recipients get, and to whom it is delivered."""

    alias: str
    mail: EmailMessage
    recipients: list[str]  # those who get it; a bounced one does not


@dataclass(frozen=True)
class Email:
    """A row of the inbox. channel: "" for an email that came from elsewhere. provider: an alias."""

    id: int
    at: datetime
    channel: str
    provider: str
    sender: str
    recipients: str
    subject: str
    message_id: str


def store_email(accepted: Accepted) -> None:
    """Store an email that was delivered; the oldest ones and those of long ago go."""
    mail, now = accepted.mail, datetime.now(UTC)
    row: dict[str, Any] = {
        "at": now.isoformat(),
        "channel": _channel_of(mail, accepted.recipients),
        "provider": accepted.alias,
        "sender": str(mail["From"] or ""),
        "recipients": ", ".join(accepted.recipients),
        "subject": str(mail["Subject"] or ""),
        "message_id": str(mail["Message-ID"] or "").strip(),
    }
    about = [row["subject"], row["sender"], row["recipients"], str(mail["To"] or "")]
    text = body_of(mail, "plain")[:SEARCHED_CHARACTERS]
    row |= {"searched": "\n".join([*about, text]).casefold(), "raw": mail.as_bytes()}
    with _file() as file:
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        number = file.execute(f"INSERT INTO email ({names}) VALUES ({places})", row).lastrowid  # noqa: S608  (our own names)
        file.execute("DELETE FROM email WHERE id <= ?", [(number or 0) - KEPT_EMAILS])
        file.execute(
            "DELETE FROM email WHERE at < ?", [(now - timedelta(days=INBOX_DAYS)).isoformat()]
        )


class EmailBackend(BaseEmailBackend):
    """Deliver to the inbox, and nowhere else: the mailer URL `inbox:` names it."""

    def send_messages(self, email_messages: Any) -> int:
        """Keep each message. Returns how many."""
        number = 0
        alias: str = getattr(self, "alias", None) or "inbox"
        for message in email_messages:
            store_email(Accepted(alias, parsed(message), message.recipients()))
            number += 1
        return number


def parsed(message: django.core.mail.EmailMessage) -> EmailMessage:
    """Build the MIME message that leaves, as its recipient's program reads it."""
    return _read(message.message().as_bytes())


@dataclass
class Emails:
    """The emails that match, newest first, for a Paginator.

    channel, provider: exact; "" for all. words: each must be in the subject, an address or the
    text, in any case. delivery: the primary key of the delivery that they are copies of.
    """

    channel: str = ""
    provider: str = ""
    words: str = ""
    delivery: int | None = None
    _where: str = field(init=False)
    _values: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        tests: list[tuple[str, Any]] = []
        if self.channel:
            tests.append(("channel = ?", self.channel))
        if self.provider:
            tests.append(("provider = ?", self.provider))
        tests += [("instr(searched, ?)", word) for word in self.words.casefold().split()]
        if self.delivery is not None:
            row = Delivery.objects.select_related("message").filter(pk=self.delivery).first()
            tests.append(("message_id = ?", row.message_id_header if row else None))
        self._where = " AND ".join(test for test, _value in tests) or "1"
        self._values = [value for _test, value in tests]

    @cached_property
    def _ids(self) -> list[int]:
        """The numbers of all that match: words are searched once, for the count and the page."""
        query = f"SELECT id FROM email WHERE {self._where} ORDER BY id DESC"  # noqa: S608
        with _file() as file:
            return [number for (number,) in file.execute(query, self._values)]

    def count(self) -> int:
        return len(self._ids)

    def __getitem__(self, part: slice) -> list[Email]:
        ids = self._ids[part]
        marks = ", ".join("?" * len(ids))
        query = f"SELECT {INBOX_COLUMNS} FROM email WHERE id IN ({marks}) ORDER BY id DESC"  # noqa: S608
        with _file() as file:
            return [_email(row) for row in file.execute(query, ids)]


def choices() -> tuple[list[str], list[str]]:
    """The channels and the providers that the inbox has emails of."""
    with _file() as file:
        channels, providers = (
            [value for (value,) in file.execute(f"SELECT DISTINCT {name} FROM email") if value]  # noqa: S608
            for name in ("channel", "provider")
        )
    return sorted(channels), sorted(providers)


def read_email(number: int) -> tuple[Email, EmailMessage] | None:
    """An email and its content; None for one that is gone."""
    with _file() as file:
        query = f"SELECT {INBOX_COLUMNS}, raw FROM email WHERE id = ?"  # noqa: S608
        row = file.execute(query, [number]).fetchone()
    return (_email(row[:-1]), _read(row[-1])) if row else None


def delivery_with(message_id: str, recipients: Iterable[str]) -> Delivery | None:
    """The delivery that an email with this Message-ID, which these addresses got, is."""
    if found := OUR_MESSAGE_ID.match(message_id):
        keys = [address_key(one) for one in recipients]
        rows = Delivery.objects.filter(message__uid=found[1], address__in=keys)
        for row in rows.select_related("message"):
            if row.message_id_header == message_id:
                return row
    return None


def body_of(mail: EmailMessage, kind: str) -> str:
    """The body of a kind ("plain", "html"); "" where there is none."""
    part = mail.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):  # an unknown charset
        content = part.get_payload(decode=True)
        return content.decode(errors="replace") if isinstance(content, bytes) else ""


Preview = Callable[[str], django.core.mail.EmailMessage]  # language → a made-up email


def previews() -> dict[str, Preview]:
    """The previews of all apps, by message type: what PREVIEWS in their `previews` modules has."""
    found: dict[str, Preview] = {}
    for config in apps.get_app_configs():
        if module_has_submodule(config.module, "previews"):
            found |= getattr(import_module(f"{config.name}.previews"), "PREVIEWS", {})
    return dict(sorted(found.items()))


@contextmanager
def _file() -> Iterator[sqlite3.Connection]:
    """The inbox in a transaction; made at its first use, and once more where it was deleted."""
    settings.INBOX_FILE.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(settings.INBOX_FILE, timeout=30)) as connection:
        is_new = not connection.execute("PRAGMA user_version").fetchone()[0]
        if is_new:
            connection.executescript(f"PRAGMA journal_mode = WAL; {SCHEMA} PRAGMA user_version = 1")
        with connection:
            yield connection


def _email(row: tuple[Any, ...]) -> Email:
    number, at, *rest = row
    return Email(number, datetime.fromisoformat(at), *rest)


def _read(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)  # the policy's
    return mail


def _channel_of(mail: EmailMessage, recipients: Iterable[str]) -> str:
    """The channel of an email that arrived; "" where it is none of ours."""
    if delivery := delivery_with(str(mail["Message-ID"] or "").strip(), recipients):
        return delivery.channel
    parts = str(mail["Feedback-ID"] or "").split(":")
    return parts[1] if len(parts) == 4 else ""
