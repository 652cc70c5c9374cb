"""Reading a mailbox whose server does what it likes: nothing else waits for it."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from mailroom.bounces import mailbox
from mailroom.config.urls import mailbox_at
from tests.mailroom.fakes.smtp import SMTPServer
from tests.mailroom.fakes.tls import server_context
from tests.processes import Site, until

GREETING = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"


@contextmanager
def imap_server(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server on loopback that accepts one connection after the other; its URL."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while not over.is_set():
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        talk(connection, over)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        try:
            yield f"imap+plain://me:s3cret@127.0.0.1:{port}/INBOX"
        finally:
            over.set()
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
            thread.join(5)


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait()


def silent_after_the_greeting(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(GREETING)
    over.wait()


def endless(connection: socket.socket, over: threading.Event) -> None:
    """A byte now and then: no single read ever times out."""
    while not over.wait(0.05):
        connection.sendall(b"*")


def rude(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"\x00\xff" * 5000 + b"\r\n")


def refusing(connection: socket.socket, over: threading.Event) -> None:
    """Repeats what it was given, password and all."""
    connection.sendall(GREETING)
    while line := connection.recv(1000):
        tag, command = line.split(b" ", 1)
        if command.startswith(b"LOGIN"):
            connection.sendall(b"%s NO [AUTHENTICATIONFAILED] %s" % (tag, command))
        else:
            connection.sendall(b"* CAPABILITY IMAP4rev1\r\n%s OK done\r\n" % tag)


SERVERS = [silent, silent_after_the_greeting, endless, rude, refusing]


@pytest.mark.parametrize("server", SERVERS)
def test_a_mailbox_that_cannot_be_read_is_given_up_and_logged(
    server, settings, monkeypatch, caplog
):
    monkeypatch.setattr(mailbox, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(mailbox, "READING_SECONDS", 0.5)
    with imap_server(server) as url:
        settings.MAIL_BOUNCE_URL = url
        assert mailbox.read_mailboxes.func() == 0
    assert caplog.text.count("cannot be read") == 1
    assert "s3cret" not in caplog.text


def test_an_unreadable_mailbox_stops_no_other(settings, monkeypatch, caplog):
    monkeypatch.setattr(mailbox, "ANSWER_SECONDS", 0.2)
    with imap_server(silent) as first, imap_server(refusing) as second:
        settings.MAIL_BOUNCE_URL, settings.MAIL_UNSUBSCRIBE_URL = first, second
        mailbox.read_mailboxes.func()
    assert caplog.text.count("cannot be read") == 2
    assert "MailboxLoginError" in caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1", "mail.example.com"])
@pytest.mark.parametrize("scheme", ["imaps", "imap"])
def test_tls_verifies_the_name_before_the_password_is_sent(scheme, host, monkeypatch):
    serving, trusted = server_context(host)
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusted)
    heard = []

    def secure(connection: socket.socket, over: threading.Event) -> None:
        if scheme == "imap":
            connection.sendall(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n")
            while b"STARTTLS" not in (line := connection.recv(1000)):
                tag = line.split(b" ", 1)[0]
                connection.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n%s OK done\r\n" % tag)
            connection.sendall(b"%s OK go on\r\n" % line.split(b" ", 1)[0])
        with serving.wrap_socket(connection, server_side=True) as tls:
            if scheme == "imaps":
                tls.sendall(GREETING)
            while line := tls.recv(1000):
                heard.append(line)
                tag = line.split(b" ", 1)[0]
                told = b"BYE" if b"LOGOUT" in line else b"CAPABILITY IMAP4rev1"
                tls.sendall(b"* %s\r\n%s OK done\r\n" % (told, tag))

    with imap_server(secure) as url:
        where = mailbox_at(url.replace("imap+plain", scheme))
        if host == "127.0.0.1":
            with mailbox.opened(where, 5):
                pass
        else:
            with pytest.raises(ssl.SSLCertVerificationError), mailbox.opened(where, 5):
                pass
    assert any(b"s3cret" in line for line in heard) is (host == "127.0.0.1")


@pytest.mark.full
def test_a_mailbox_without_end_stops_neither_tasks_nor_email(tmp_path):
    """Real processes: the issue is prepared by a task and sent, while the mailbox is read."""
    with SMTPServer() as server, imap_server(endless) as url:
        site = Site(
            tmp_path,
            DEBUG="1",
            MAILER_URL=server.url,
            MAIL_BOUNCE_ADDRESS="bounces@example.com",
            MAIL_BOUNCE_URL=url,
        )
        site.set_up()
        site.shell(READ_AND_PUBLISH)
        with site.running():
            until(lambda: server.received, "the issue to be sent")
            assert "cannot be read" not in site.log.read_text()


READ_AND_PUBLISH = """
from django.utils import timezone
from mailroom.bounces.mailbox import read_mailboxes
from newsletters.models import Newsletter
from newsletters.sending.publish import publish
read_mailboxes.enqueue()
letter = Newsletter.objects.create(name="Weekly", slug="weekly")
letter.subscriptions.create(
    email="ann@example.com", state="confirmed", confirmed_at=timezone.now())
publish(letter.issues.create(subject="First", slug="first", body="Hello"))
"""
