"""Where a mail account may connect to: never into this site's own network."""

import socket
import ssl

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError

from mailroom.config import hosts
from mailroom.mail_accounts.backend import build_backend
from mailroom.models import MailAccount
from tests.mailroom.fakes.smtp import SMTPServer
from tests.mailroom.fakes.tls import server_context

INTERNAL = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7F.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "127.0x0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0",
    "0.1.2.3",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "fe80::1",
    "fe80::5efe:10.0.0.1",
    "2001:4860::200:5efe:192.168.0.1",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "10.0.0.1",
    "10.1",
    "172.16.0.1",
    "192.168.1.1",
    "3232235777",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "::ffff:169.254.169.254",
    "168.63.129.16",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "",
    " ",
    "[::1]",
    "127.0.0.1:587",
    "user@127.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "127.0.0.1\r\nX",
    "http://127.0.0.1/",
    "127.0.0.1%00",
    "0x7f.1",
    "127.0.0.1.",
    "127.0.0.1...",
    "2130706433.",
    "0xa9.0xfea9fe",
    "100.64.1",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "::ffff:100.64.0.1",
    "fe80::1%lo",
    "[::ffff:127.0.0.1]",
    "2001:30::1",
    "2620:4f:8000::1",
    "3fff::1",
    "192.88.99.1",
    "192.175.48.1",
    "１２７.0.0.1",
    "١٢٧.0.0.1",  # Arabic digits
    "ⓛocalhost",
    "local\u200bhost",  # a space without width
    "loc\u00adalhost",  # a soft hyphen
    "127.0.0.1\x00",
    "\\\\127.0.0.1",
]


@pytest.fixture(autouse=True)
def _no_exceptions(settings):
    settings.MAIL_ACCOUNT_LOOPBACK_HOSTS = []


@pytest.mark.parametrize("host", INTERNAL)
def test_a_spelling_of_an_internal_address_is_refused_at_connection_time(host):
    with pytest.raises(OSError, match=r"not|no address|can't"):
        hosts.connect_to_host(host, 587, timeout=0.1)


@pytest.mark.parametrize("host", INTERNAL)
def test_and_when_an_account_is_saved(host):
    options = {"host": host, "port": 587, "security": "tls"}
    account = MailAccount(name="a", kind="smtp", options=options, from_email="a@example.com")
    with pytest.raises(ValidationError):
        account.clean()


@pytest.mark.parametrize("host", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_a_public_address_is_not(host):
    assert hosts.resolve(host, 587)


@pytest.mark.parametrize("port", [22, 80, 443, 6379, 5432, 0, 99999])
def test_other_ports_are_refused(port):
    with pytest.raises(hosts.AddressRefused, match="port"):
        hosts.resolve("8.8.8.8", port)


@pytest.fixture
def names(monkeypatch):
    """A name server whose answers change: each call takes the next list of addresses."""
    answers: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def look_up(host, port, *args, **kwargs):
        if host not in answers:
            return real(host, port, *args, **kwargs)
        found = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        return [one for address in found for one in real(address, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return answers


def test_a_name_that_resolves_differently_the_second_time_is_refused_then(names):
    names["mail.example.com"] = [["8.8.8.8"], ["127.0.0.1"]]
    options = {"host": "mail.example.com", "port": 587, "security": "starttls"}
    account = MailAccount(pk=1, name="a", kind="smtp", options=options, from_email="a@example.com")
    account.clean()

    with pytest.raises(hosts.AddressRefused):
        build_backend(account, {}).open()


def test_one_internal_address_among_public_ones_is_enough(names):
    names["mail.example.com"] = [["8.8.8.8", "10.0.0.1"]]
    with pytest.raises(hosts.AddressRefused):
        hosts.resolve("mail.example.com", 587)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_the_checked_address_is_connected_to_and_tls_verifies_the_name(
    settings, names, security, monkeypatch
):
    settings.MAIL_ACCOUNT_LOOPBACK_HOSTS = ["right.example.com", "wrong.example.com"]
    serving, trusted = server_context("right.example.com")
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusted)
    with SMTPServer(tls=serving, implicit=security == "tls") as server:
        for host in ("right.example.com", "wrong.example.com"):
            names[host] = [["127.0.0.1"], ["10.255.255.1"]]  # asked twice, it would be elsewhere
            options = {"host": host, "port": server.port, "security": security}
            account = MailAccount(pk=1, name="a", kind="smtp", options=options)
            mailer = build_backend(account, {})
            if host.startswith("right"):
                mailer.open()
                assert mailer.connection.sock.getpeername()[0] == "127.0.0.1"
                mailer.close()
            else:
                with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                    mailer.open()


def test_the_settings_for_development_are_refused_elsewhere(settings, monkeypatch):
    monkeypatch.delattr("django.core.mail.outbox")
    settings.DEBUG = False
    settings.MAIL_ACCOUNT_LOOPBACK_HOSTS = ["127.0.0.1"]
    settings.MAIL_ACCOUNT_API_URLS = {"postmark": "http://127.0.0.1:1/"}

    with pytest.raises(ImproperlyConfigured, match="MAIL_ACCOUNT_LOOPBACK_HOSTS"):
        hosts.resolve("127.0.0.1", 587)
    with pytest.raises(ImproperlyConfigured, match="MAIL_ACCOUNT_API_URLS"):
        hosts.sandbox_urls()
