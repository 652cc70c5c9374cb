"""Reading the mailboxes that bounces and requests to unsubscribe come to, over IMAP (RFC 9051)."""

import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.tasks import task

from mailroom.bounces.intake import LARGEST, Result, receive
from mailroom.config.urls import Mailbox, mailbox_at
from mailroom.tasks import queue

logger = logging.getLogger(__name__)

QUEUE = "mailboxes"  # a queue of its own: a silent server must not hold up other tasks
ANSWER_SECONDS = 10
READING_SECONDS = 60  # for all of it: a timeout counts each piece anew
MOST = 200  # emails in one reading

_busy = threading.Lock()
_looked_at: dict[str, set[str]] = {}  # what is no report, by mailbox: it is not fetched again


def urls() -> list[str]:
    """The mailboxes to read, each once."""
    found = (settings.MAIL_BOUNCE_URL, settings.MAIL_UNSUBSCRIBE_URL)
    return list(dict.fromkeys(url for url in found if url))


@task(queue_name=queue(QUEUE))
def read_mailboxes() -> int:
    """Read all mailboxes, one process at a time in each; the number of reports stored.

    A server that does not answer is logged and asked again a minute later.
    """
    if not _busy.acquire(blocking=False):
        return 0
    try:
        return sum(_read_or_log(url) for url in urls())
    finally:
        _busy.release()


def _read_or_log(url: str) -> int:
    try:
        from imap_tools import ImapToolsError  # noqa: PLC0415  (the extra `bounces`)
    except ImportError:
        logger.error("No mailbox is read: install the extra, django-mailroom[bounces].")
        return 0
    try:
        return read(url)
    except DatabaseError:
        raise
    except (OSError, ImapToolsError, ValueError) as error:
        logger.warning("A mailbox cannot be read: %s: %s", type(error).__name__, _where(url))
    except Exception as error:  # noqa: BLE001  (imaplib has errors of its own, all about the server)
        logger.warning("A mailbox cannot be read: %s: %s", type(error).__name__, _where(url))
    return 0


def _where(url: str) -> str:
    try:
        return str(mailbox_at(url))
    except ValueError as error:
        return f"its URL {error}"


def read(url: str) -> int:
    """Take all reports out of a mailbox, the newest first; their number. The rest stays as it is.

    A report is deleted once its event is stored: between the two, only a repetition can happen.
    """
    stored = []
    seen = _looked_at.setdefault(url, set())
    with opened(mailbox_at(url)) as mailbox:
        uids = [uid for uid in mailbox.uids() if uid not in seen]
        for uid in sorted(uids, key=int, reverse=True)[:MOST]:
            if receive(_beginning(mailbox, uid)) is Result.STORED:
                stored.append(uid)
                mailbox.delete(uid)
            else:
                seen.add(uid)
    return len(stored)


def _beginning(mailbox: Any, uid: str) -> bytes:
    """The first bytes of an email, without marking it as read."""
    status, data = mailbox.client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{LARGEST}>)")
    if status != "OK":
        raise OSError("the mailbox does not hand out an email")
    return next((part[1] for part in data if isinstance(part, tuple)), b"")


@contextmanager
def opened(where: Mailbox) -> Iterator[Any]:
    """A signed-in mailbox, for a minute at most. Raises OSError or ImapToolsError."""
    import imap_tools  # noqa: PLC0415  (the extra `bounces`)

    context = ssl.create_default_context()
    if where.scheme == "imaps":
        kind: Any = imap_tools.MailBox
        made = kind(where.host, where.port, timeout=ANSWER_SECONDS, ssl_context=context)
    elif where.scheme == "imap":
        kind = imap_tools.MailBoxStartTls
        made = kind(where.host, where.port, timeout=ANSWER_SECONDS, ssl_context=context)
    else:
        kind = imap_tools.MailBoxUnencrypted
        made = kind(where.host, where.port, timeout=ANSWER_SECONDS)
    hang_up = threading.Timer(READING_SECONDS, _hang_up, [made.client.sock])
    hang_up.daemon = True
    hang_up.start()
    try:
        with made.login(where.user, where.password, initial_folder=where.folder) as mailbox:
            yield mailbox
    finally:
        hang_up.cancel()
        _hang_up(made.client.sock)
        with suppress(OSError):
            made.client.shutdown()


def _hang_up(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
