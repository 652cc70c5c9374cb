"""Each single fault of an installation is found by `manage.py doctor`."""

import ssl
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from mailroom.config.mailers import MailerTree
from mailroom.config.urls import parse
from mailroom.doctor import connections
from mailroom.doctor.findings import Means
from mailroom.models import Delivery, MailAccount, Message, WorkerBeat
from tests.mailroom.bounces.test_mailbox import imap_server, refusing, silent
from tests.mailroom.conftest import queue
from tests.mailroom.doctor.conftest import KEY
from tests.mailroom.doctor.test_examining import failed, well  # noqa: F401  (a fixture)
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import SILENCE, Script, SMTPServer
from tests.mailroom.fakes.tls import server_context

pytestmark = pytest.mark.django_db

SHORT = (
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKUc973VavWsmk4anRg6mIJ8q9d4m8jGN0y/sCI6r+LVQvZTP1ukwsioNKF8"
    "fcyLlphUqVHaDwvUojWgK/GYUv8CAwEAAQ=="
)
SPF, DKIM, DMARC = "mailroom.test", "s1._domainkey.mailroom.test", "_dmarc.mailroom.test"
# The record, what it says instead, and whether that is a failure or a warning.
RECORDS = {
    "no SPF": (SPF, ["other"], "failed"),
    "two SPF records": (SPF, ["v=spf1 mx -all", "v=spf1 mx ~all"], "failed"),
    "SPF +all": (SPF, ["v=spf1 mx +all"], "failed"),
    "SPF all without a sign": (SPF, ["v=spf1 mx all"], "failed"),
    "SPF ?all": (SPF, ["v=spf1 mx ?all"], "warning"),
    "SPF without all": (SPF, ["v=spf1 mx"], "warning"),
    "SPF -all alone": (SPF, ["v=spf1 -all"], "failed"),
    "SPF with a typing error": (SPF, ["v=spf1 ipv4:192.0.2.1 -all"], "failed"),
    "SPF with a bad address": (SPF, ["v=spf1 ip4:192.0.2.300 -all"], "failed"),
    "SPF with a loop": (SPF, ["v=spf1 include:mailroom.test -all"], "failed"),
    "SPF that includes nothing": (SPF, ["v=spf1 include:nobody.test -all"], "failed"),
    "SPF with 11 look-ups": (SPF, [f"v=spf1{' a:mx.mailroom.test' * 11} -all"], "failed"),
    "SPF with void look-ups": (SPF, ["v=spf1 a:a.test a:b.test a:c.test -all"], "failed"),
    "SPF that includes +all": ("_spf.provider.test", ["v=spf1 +all"], "failed"),
    "no DKIM key": (DKIM, [], "failed"),
    "a revoked DKIM key": (DKIM, ["v=DKIM1; p="], "failed"),
    "a DKIM key cut short": (DKIM, [f"v=DKIM1; p={KEY[:200]}"], "failed"),
    "a DKIM key with other characters": (DKIM, [f"v=DKIM1; p={KEY[:-9]}…"], "failed"),
    "a DKIM key of 512 bits": (DKIM, [f"v=DKIM1; p={SHORT}"], "failed"),
    "a DKIM key of an unknown kind": (DKIM, [f"v=DKIM1; k=dsa; p={KEY}"], "failed"),
    "a DKIM key for sha1 alone": (DKIM, [f"v=DKIM1; h=sha1; p={KEY}"], "failed"),
    "a DKIM key in test mode": (DKIM, [f"v=DKIM1; t=y; p={KEY}"], "warning"),
    "no DMARC": (DMARC, [], "failed"),
    "two DMARC records": (DMARC, ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "failed"),
    "DMARC without a policy": (DMARC, ["v=DMARC1; rua=mailto:d@mailroom.test"], "failed"),
    "DMARC with an unknown policy": (DMARC, ["v=DMARC1; p=block"], "failed"),
    "DMARC with a bad report address": (DMARC, ["v=DMARC1; p=none; rua=d@x.test"], "failed"),
    "DMARC p=none": (DMARC, ["v=DMARC1; p=none; rua=mailto:d@mailroom.test"], "warning"),
}
LABELS = {SPF: "SPF", "_spf.provider.test": "SPF", DKIM: "DKIM", DMARC: "DMARC"}


@pytest.mark.parametrize("fault", RECORDS)
def test_a_fault_in_the_domain_name_system(well, names, fault):  # noqa: F811
    place, texts, status = RECORDS[fault]
    names.records[place] = texts
    code, found = well("--release")
    assert found["domains", f"{LABELS[place]} mailroom.test"] == status
    assert code == (status == "failed")


def no_mailbox(settings: Any, names: Any) -> None:
    settings.MAIL_BOUNCE_ADDRESS = "bounces@nobody.test"


def null_mailbox(settings: Any, names: Any) -> None:
    names.records["MX answers.test"] = ["0 ."]
    settings.MAILERS["newsletters"]["OPTIONS"]["reply_to"] = "a@answers.test"


def bad_alignment(settings: Any, names: Any) -> None:
    settings.MAIL_BOUNCE_ADDRESS = "bounces@bounces.example"
    names.records[DKIM] = []


def many_failed(settings: Any, names: Any) -> None:
    rows("failed", 6)


def one_uncertain(settings: Any, names: Any) -> None:
    rows("uncertain", 1)


def rows(state: str, number: int) -> None:
    message = Message.objects.create(channel="newsletters")
    for n in range(number):
        Delivery.objects.create(
            message=message,
            channel="newsletters",
            address=f"{n}@x.test",
            state=state,
            finished_at=timezone.now(),
        )


def no_worker(settings: Any, names: Any) -> None:
    WorkerBeat.objects.all().delete()


def waiting(settings: Any, names: Any) -> None:
    queue("registration")
    Delivery.objects.update(not_before=timezone.now() - timedelta(hours=1))


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (no_mailbox, (("mailboxes", "bounces@nobody.test"), "failed")),
        (null_mailbox, (("mailboxes", "a@answers.test"), "failed")),
        (bad_alignment, (("domains", "alignment mailroom.test"), "failed")),
        (many_failed, (("queue", "failed"), "failed")),
        (one_uncertain, (("queue", "uncertain"), "warning")),
        (no_worker, (("worker", "heartbeat"), "failed")),
        (waiting, (("queue", "registration"), "failed")),
    ],
)
def test_another_fault(well, settings, names, fault: Callable, expected):  # noqa: F811
    about, status = expected
    fault(settings, names)
    assert well()[1][about] == status


SERVERS = {
    "refuses MAIL FROM": (Script(mail="550 5.7.1 Sender refused"), "failed"),
    "asks for a password": (Script(mail="530 5.7.0 Authentication required"), "failed"),
    "greets with an error": (Script(greeting="554 no service"), "failed"),
    "says nothing": (Script(greeting=SILENCE), "failed"),
    "has no TLS": (Script(), "warning"),
}


@pytest.mark.parametrize("fault", SERVERS)
def test_a_mail_server_that(well, settings, fault):  # noqa: F811
    script, status = SERVERS[fault]
    with SMTPServer(script) as server:
        carried_by(settings, server.url)
        (found,) = [state for about, state in well()[1].items() if about[0] == "providers"]
    assert found == status
    assert server.received == []


@pytest.mark.parametrize(
    ("days", "scheme", "status"),
    [(60, "smtp", "ok"), (3, "smtp", "warning"), (3, "smtps", "warning"), (0, "smtps", "failed")],
)
def test_a_certificate_near_its_end(settings, monkeypatch, days, scheme, status):
    serving, trusted = server_context("127.0.0.1", days)
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusted)
    with SMTPServer(tls=serving, implicit=scheme == "smtps") as server:
        carried_by(settings, f"{scheme}://127.0.0.1:{server.port}")
        (found,) = connections.examine_providers(Means(timeout=5))
    assert found.status == status


@pytest.mark.parametrize("server", [silent, refusing])
def test_a_bounce_mailbox_that_cannot_be_read(well, settings, server):  # noqa: F811
    settings.MAIL_BOUNCE_ADDRESS = "bounces@mailroom.test"
    with imap_server(server) as url:
        settings.MAIL_BOUNCE_URL = url
        code, found = well()
    assert found["mailboxes to read", url.replace(":s3cret", "")] == "failed"
    assert code == 1


def test_what_a_mailbox_says_to_a_wrong_password_is_shown_without_it(settings):
    with imap_server(refusing) as url:
        settings.MAIL_BOUNCE_URL = url
        (found,) = connections.mailboxes(Means(timeout=2))
    assert "AUTHENTICATIONFAILED" in found.words
    assert "s3cret" not in str(found)


def test_plain_smtp_without_a_bounce_mailbox_reports_nothing(well, settings):  # noqa: F811
    carried_by(settings, f"smtp+plain://127.0.0.1:{closed_port()}")
    found = well()[1]
    assert found["reputation", "newsletters"] == "warning"
    assert found["reputation", "hard_bounce"] == "skipped"


@pytest.mark.django_db(transaction=True)
def test_everything_silent_takes_less_than_ten_seconds(well, settings, names):  # noqa: F811
    """With 40 mail accounts, too, and a mailbox."""
    names.silent = True
    settings.PUBLIC_URL = "https://192.0.2.1"  # a network for documentation: nothing answers
    settings.MAIL_BOUNCE_ADDRESS = "bounces@mailroom.test"
    settings.MAIL_ACCOUNT_LOOPBACK_HOSTS = ["127.0.0.1"]
    with SMTPServer(Script(greeting=SILENCE)) as server, imap_server(silent) as mailbox:
        carried_by(settings, f"smtp+plain://127.0.0.1:{server.port}")
        settings.MAIL_BOUNCE_URL = mailbox
        options = {"host": "127.0.0.1", "port": server.port, "security": "none"}
        for n in range(40):
            MailAccount.objects.create(
                name=f"tenant {n}", kind="smtp", options=options, from_email="a@example.com"
            )
        begun = time.monotonic()
        code, found = well()
        assert time.monotonic() - begun < 10
    assert code == 1
    assert found["domains", "SPF mailroom.test"] == "skipped"
    accounts = [status for (area, _), status in found.items() if area == "mail accounts"]
    assert accounts == ["failed"] * 40


def carried_by(settings: Any, url: str) -> None:
    tree = MailerTree()
    via = tree.add(parse(url))
    channels = {
        alias: {**entry, "OPTIONS": {**entry["OPTIONS"], "via": via}}
        for alias, entry in settings.MAILERS.items()
        if "via" in entry.get("OPTIONS", {})
    }
    settings.MAILERS = {**channels, **tree.mailers}
    settings.MAILER_URLS, settings.MAILER_SENDERS = tree.urls, tree.senders
