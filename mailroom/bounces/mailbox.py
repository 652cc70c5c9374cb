"""Reading the mailboxes that bounces and requests to unsubscribe come to, over IMAP (RFC 9051)."""

import imaplib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.tasks import task

from mailroom.bounces.intake import BYTES_READ, Result, receive
from mailroom.config.urls import Mailbox, mailbox_at
from mailroom.delivery import shutdown
from mailroom.tasks import queue_name

logger = logging.getLogger(__name__)

QUEUE = "mailboxes"  # a queue of its own: a silent server must not hold up other tasks
ANSWER_SECONDS = 10
READING_SECONDS = 60  # for all of it: a timeout counts each piece anew
EMAILS_A_READING = 200  # emails in one reading

_busy = threading.Lock()
_looked_at: dict[str, set[str]] = {}  # what is no report, by mailbox: it is not fetched again


def urls() -> list[str]:
    """The mailboxes to read, each once."""
    found = (settings.MAIL_BOUNCE_URL, settings.MAIL_UNSUBSCRIBE_URL)
    return list(dict.fromkeys(url for url in found if url))


@task(queue_name=queue_name(QUEUE))
def read_mailboxes() -> int:
    """Read all mailboxes, one process at a time in each; the number of reports stored.

    A server that does not answer is logged and asked again a minute later.
    """
    if not _busy.acquire(blocking=False):
        return 0
    try:
        return sum(_read_or_log(url) for url in urls() if not shutdown.is_wanted())
    finally:
        _busy.release()


def _read_or_log(url: str) -> int:
    try:
        return read(url)
    except DatabaseError:
        raise
    except ImportError:
        logger.error("No mailbox is read: install the extra, django-mailroom[bounces].")
    except Exception as error:  # noqa: BLE001  (whatever it is, it is about this server alone)
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
        for uid in sorted(uids, key=int, reverse=True)[:EMAILS_A_READING]:
            if receive(_beginning(mailbox, uid)) is Result.STORED:
                stored.append(uid)
                mailbox.delete(uid)
            else:
                seen.add(uid)
    return len(stored)


def _beginning(mailbox: Any, uid: str) -> bytes:
    """The first bytes of an email, without marking it as read."""
    status, data = mailbox.client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{BYTES_READ}>)")
    if status != "OK":
        raise OSError("the mailbox does not hand out an email")
    return next((part[1] for part in data if isinstance(part, tuple)), b"")


@contextmanager
def opened(where: Mailbox, timeout: float = 0) -> Iterator[Any]:
    """A signed-in mailbox, for a minute at most, however slowly its server talks.

    timeout: seconds for each piece of an answer, by default ANSWER_SECONDS. Raises OSError,
    ImapToolsError or imaplib's error.
    """
    import imap_tools  # noqa: PLC0415  (the extra `bounces`)

    context = ssl.create_default_context()
    clients: list[imaplib.IMAP4] = []
    sockets: list[socket.socket] = []

    class Client(imaplib.IMAP4):
        def _create_socket(self, timeout: Any) -> Any:
            sock = super()._create_socket(timeout)  # type: ignore[misc]
            clients.append(self)
            sockets.append(sock.dup())  # TLS takes over the socket itself
            if where.scheme == "imaps":
                return context.wrap_socket(sock, server_hostname=where.host)
            return sock

    class LimitedMailbox(imap_tools.BaseMailBox):
        def _get_mailbox_client(self) -> Any:
            client = Client(where.host, where.port, timeout or ANSWER_SECONDS)
            if where.scheme == "imap":
                client.starttls(context)
            return client

    over = threading.Event()
    threading.Thread(target=_limit, args=(sockets, over), daemon=True).start()
    try:
        made = LimitedMailbox().login(where.user, where.password, initial_folder=where.folder)
        with made as mailbox:
            yield mailbox
    finally:
        over.set()
        _hang_up(sockets)
        for client in clients:
            with suppress(OSError, AttributeError):  # it has no socket where TLS failed
                client.shutdown()
        for sock in sockets:
            sock.close()


def _limit(sockets: list[socket.socket], over: threading.Event) -> None:
    """Hang up once the time is over, or the process is to stop."""
    end = time.monotonic() + READING_SECONDS
    while not over.wait(0.2):
        if time.monotonic() > end or shutdown.is_wanted():
            _hang_up(sockets)


def _hang_up(sockets: list[socket.socket]) -> None:
    for sock in list(sockets):
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
