"""The doctor: with everything right, and with each single thing wrong."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone
from requests.exceptions import ConnectionError as NotReached

from mailroom.doctor import connections, domains, own_urls
from mailroom.doctor.findings import Means, Status
from mailroom.doctor.headers import header_faults
from mailroom.doctor.lookups import Names
from mailroom.mailer_tree import MailerTree
from mailroom.mailer_urls import parse
from mailroom.models import Delivery, Event, Message, WorkerBeat
from mailroom.types import bulk, transactional
from tests.mailroom.conftest import queue
from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.fakes.names import DNSServer
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.proxy import TLSProxy
from tests.mailroom.fakes.smtp import SMTPServer

GOOD = {
    "mailroom.test": ["v=spf1 include:_spf.provider.test ip4:192.0.2.1 -all", "site=1"],
    "_spf.provider.test": ["v=spf1 ip4:198.51.100.0/24 ~all"],
    "s1._domainkey.mailroom.test": ["v=DKIM1; k=rsa; p=MIGfMA0GCSqG"],
    "_dmarc.mailroom.test": ["v=DMARC1; p=quarantine; rua=mailto:d@mailroom.test"],
}


@pytest.fixture
def names(settings):
    settings.DKIM_SELECTORS = ["s1"]
    with DNSServer(dict(GOOD)) as server:
        yield server


class TestDomains:
    def look(self, names: DNSServer, label: str, **records: list[str] | None) -> tuple[Status, str]:
        where = {"spf": "mailroom.test", "dkim": "s1._domainkey.mailroom.test"}
        where["dmarc"] = "_dmarc.mailroom.test"
        for name, texts in records.items():
            names.records[where[name]] = texts
        asked = Names(Means((names.place,), timeout=2))
        return getattr(domains, label)("mailroom.test", asked)

    @pytest.mark.parametrize("label", ["spf", "dkim", "dmarc"])
    def test_all_right(self, names, label):
        assert self.look(names, label)[0] is Status.OK

    @pytest.mark.parametrize(
        ("record", "words"),
        [
            ([], "no record"),
            (["v=spf1 -all", "v=spf1 mx -all"], "2 records"),
            (["v=spf1 +all"], "everybody"),
            (["v=spf1 " + "a:x.test " * 11 + "-all"], "11 look-ups"),
            (["v=spf1 include:mailroom.test -all"], "look-ups"),
            (["v=spf1 mx include:nobody.test -all"], "nobody.test, which has no record"),
        ],
    )
    def test_spf_faults(self, names, record, words):
        status, told = self.look(names, "spf", spf=record)
        assert status is Status.FAILED
        assert words in told

    def test_spf_counts_what_is_included(self, names):
        names.records["_spf.provider.test"] = ["v=spf1 a mx exists:%{i}.x.test ip6:::1 ?all"]
        assert "4 of 10" in self.look(names, "spf")[1]

    def test_spf_that_excludes_nobody_is_a_warning(self, names):
        assert self.look(names, "spf", spf=["v=spf1 mx"])[0] is Status.WARNING

    @pytest.mark.parametrize("record", [None, ["v=DKIM1; p="], ["something else"]])
    def test_dkim_faults(self, names, record):
        if record is None:
            del names.records["s1._domainkey.mailroom.test"]
            assert self.look(names, "dkim")[0] is Status.FAILED
        else:
            assert self.look(names, "dkim", dkim=record)[0] is Status.FAILED

    def test_dkim_without_a_selector_is_skipped(self, names, settings):
        settings.DKIM_SELECTORS = []
        assert self.look(names, "dkim")[0] is Status.SKIPPED

    @pytest.mark.parametrize("record", [[], ["v=DMARC1"], ["v=DMARC1; p=none"] * 2])
    def test_dmarc_faults(self, names, record):
        if len(record) == 2:
            record = [record[0], "v=DMARC1; p=reject"]
        assert self.look(names, "dmarc", dmarc=record)[0] is Status.FAILED

    def test_dmarc_of_a_domain_above_counts(self, names):
        asked = Names(Means((names.place,), timeout=2))
        assert domains.dmarc("news.mailroom.test", asked)[0] is Status.OK

    def test_what_could_not_be_asked_is_skipped(self, names, carry_by):
        carry_by("smtp://127.0.0.1")
        names.silent = True
        found = list(domains.domains(Means((names.place,), timeout=0.3)))
        assert {one.status for one in found} == {Status.SKIPPED}


def test_where_no_resolver_is_configured_all_is_skipped(settings, monkeypatch):
    settings.DKIM_SELECTORS = ["s1"]
    monkeypatch.setattr("mailroom.doctor.lookups.RESOLV_CONF", "/nowhere/resolv.conf")
    monkeypatch.setattr(domains, "_domains", lambda: {"mailroom.com"})
    assert {one.status for one in domains.domains(Means(timeout=1))} == {Status.SKIPPED}


TRANSACTIONAL = {"Auto-Submitted": "auto-generated", "Feedback-ID": "a:b:c:mailroom"}
BULK = {
    "Feedback-ID": "a:b:c:mailroom",
    "Precedence": "bulk",
    "List-Unsubscribe": "<https://x.test/u/1>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


class TestHeaders:
    def test_all_right(self):
        assert header_faults(transactional("x"), TRANSACTIONAL) == []
        assert header_faults(bulk("x"), BULK) == []

    @pytest.mark.parametrize("missing", TRANSACTIONAL)
    def test_each_is_missed(self, missing):
        left = {name: value for name, value in TRANSACTIONAL.items() if name != missing}
        assert len(header_faults(transactional("x"), left)) == 1

    @pytest.mark.parametrize("missing", BULK)
    def test_each_is_missed_on_bulk(self, missing):
        left = {name: value for name, value in BULK.items() if name != missing}
        assert len(header_faults(bulk("x"), left)) == 1

    def test_no_way_out_of_what_nobody_can_leave(self):
        assert len(header_faults(transactional("x"), {**TRANSACTIONAL, "Precedence": "bulk"})) == 1


class TestOwnAddresses:
    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            (Answer(400, "ours"), Status.OK),
            (Answer(400, "somebody else's"), Status.FAILED),
            (Answer(200, "ours"), Status.FAILED),
            (Answer(301, headers={"Location": "/x"}), Status.FAILED),
            (Answer(502), Status.FAILED),
        ],
    )
    def test_what_a_post_finds(self, answer, status):
        with HTTPServer(answer) as server:
            assert own_urls.posted(server.url, {}, 400, "ours", Means())[0] is status

    def test_what_nobody_reaches(self):
        url = f"http://127.0.0.1:{closed_port()}/"
        status, words = own_urls.posted(url, {}, 400, "ours", Means())
        assert status is Status.FAILED
        assert NotReached.__name__ in words


class TestMailServers:
    def ask(self, settings, url: str) -> tuple[Status, str]:
        tree = MailerTree()
        alias = tree.add(parse(url))
        settings.MAILERS, settings.MAILER_URLS = tree.mailers, tree.urls
        (found,) = connections.providers(Means(timeout=2))
        assert found.about == alias
        return found.status, found.words

    def test_one_without_tls_is_a_warning(self, settings):
        with SMTPServer() as server:
            status, words = self.ask(settings, f"smtp+plain://127.0.0.1:{server.port}")
        assert (status, server.received) == (Status.WARNING, [])
        assert "without TLS" in words

    def test_one_that_takes_no_password(self, settings):
        with SMTPServer() as server:
            place = f"127.0.0.1:{server.port}"
            assert self.ask(settings, f"smtp+plain://me:secret@{place}")[0] is Status.FAILED

    def test_one_that_is_not_there(self, settings):
        url = f"smtp+plain://127.0.0.1:{closed_port()}"
        assert self.ask(settings, url)[0] is Status.FAILED

    def test_a_certificate_that_nobody_vouches_for(self, settings, tmp_path):
        with TLSProxy(tmp_path) as proxy:
            place = proxy.url.removeprefix("https://")
            status, words = self.ask(settings, f"smtps://{place}?timeout=2")
        assert status is Status.FAILED
        assert "certificate" in words.lower()

    @pytest.mark.parametrize(("days", "status"), [(60, Status.OK), (3, Status.WARNING)])
    def test_a_certificate_that_runs_out(self, days, status):
        end = timezone.now() + timedelta(days=days)
        told = {"notAfter": f"{end:%b %d %H:%M:%S %Y} GMT"}
        assert connections._certificate(told, "answers")[0] is status


@pytest.fixture
def well(settings, names, outbox_mailers, tmp_path, monkeypatch):
    """An installation with nothing wrong; `examined()` is what the doctor finds in it."""
    WorkerBeat.objects.create(name="one")
    # To a post that nobody signed, and to leave what is nobody's.
    answers = Answer(400, "Refused."), Answer(200, "You are unsubscribed.")
    with (
        HTTPServer(Answer(200, {})) as api,
        HTTPServer(*answers) as site,
        TLSProxy(tmp_path) as proxy,
    ):
        proxy.behind = site.server_port
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxy.certificate))
        tree = MailerTree()
        via = tree.add(parse(f"postmark://T?api_url={api.url}"))
        for entry in outbox_mailers.values():
            if "via" in entry.get("OPTIONS", {}):
                entry["OPTIONS"]["via"] = via
        del outbox_mailers["memory"], outbox_mailers["inbox"]
        settings.MAILERS = {**outbox_mailers, **tree.mailers}
        settings.MAILER_URLS, settings.MAILER_SENDERS = tree.urls, tree.senders
        settings.PUBLIC_URL = proxy.url
        settings.WEBHOOK_SECRETS, settings.WEBHOOK_KEYS = ["a:b"], {}
        settings.api = api

        def examined(*arguments: str) -> tuple[int, dict[tuple[str, str], str]]:
            out, code = StringIO(), 0
            arguments = ("--json", "--nameserver", names.place, "--timeout", "5", *arguments)
            try:
                call_command("doctor", *arguments, stdout=out)
            except SystemExit as end:
                code = int(str(end.code))
            rows = json.loads(out.getvalue())["findings"]
            return code, {(row["area"], row["about"]): row["status"] for row in rows}

        yield examined


def failed(found: dict[tuple[str, str], str]) -> set[tuple[str, str]]:
    return {about for about, status in found.items() if status == "failed"}


@pytest.mark.django_db
class TestTheWhole:
    def test_everything_right(self, well):
        code, found = well()
        assert failed(found) == set()
        assert code == 0
        assert found["webhooks", "postmark"] == "ok"
        assert found["one click", "unsubscribe"] == "ok"
        assert found["providers", "postmark"] == "ok"
        assert found["domains", "SPF mailroom.test"] == "ok"
        assert found["headers", "newsletters.issue"] == "skipped"

    def test_an_address_without_https(self, well, settings):
        settings.PUBLIC_URL = f"http://127.0.0.1:{closed_port()}"
        code, found = well("--release")
        assert (code, failed(found)) == (1, {("address", "PUBLIC_URL")})
        assert found["webhooks", ""] == "skipped"

    def test_a_key_that_is_refused(self, well, settings):
        settings.api.answers = [Answer(401, {})]
        assert failed(well()[1]) == {("providers", "postmark")}

    def test_a_secret_that_is_missing(self, well, settings):
        settings.WEBHOOK_SECRETS = []
        assert failed(well()[1]) == {("configuration", "mailroom.E008")}

    def test_no_worker(self, well):
        WorkerBeat.objects.all().delete()
        assert failed(well()[1]) == {("worker", "heartbeat")}

    def test_mail_that_waits_and_mail_that_is_stuck(self, well):
        long_ago = timezone.now() - timedelta(hours=1)
        queue("registration")
        Delivery.objects.update(not_before=long_ago)
        stuck = queue("newsletters")[0]
        Delivery.objects.filter(pk=stuck.pk).update(state="sending", leased_until=long_ago)
        assert failed(well()[1]) == {("queue", "registration"), ("queue", "leases")}

    def test_headers_of_a_mail_that_was_sent(self, well):
        Message.objects.create(type="mailroom.test", channel="default", headers={}, body="x")
        assert failed(well()[1]) == {("headers", "mailroom.test")}

    def test_a_clock_that_is_wrong(self, well, monkeypatch):
        ahead = timezone.now() + timedelta(minutes=5)
        monkeypatch.setattr("mailroom.doctor.work._database_time", lambda: ahead)
        assert failed(well()[1]) == {("worker", "clock")}

    @pytest.mark.parametrize(("kind", "number"), [("complained", 1), ("hard_bounce", 10)])
    def test_what_readers_and_providers_say(self, well, kind, number):
        rows = [
            Delivery(
                message=Message.objects.create(channel="newsletters"),
                address=f"{n}@x.test",
                state="sent",
                finished_at=timezone.now(),
            )
            for n in range(200)
        ]
        Delivery.objects.bulk_create(rows)
        for n in range(number):
            Event.objects.create(provider="p", event_id=f"{n}", kind=kind, address=f"{n}@x.test")
        assert failed(well()[1]) == {("reputation", kind)}

    def test_a_live_mail_by_every_channel(self, well, settings):
        sent = {"To": "a@x.test", "MessageID": "1", "ErrorCode": 0, "Message": "OK"}
        settings.api.answers = [Answer(200, sent)]
        _, found = well("--send-to", "a@x.test")
        assert found["live", "registration by postmark"] == "ok"
        assert found["live", "newsletters by postmark"] == "ok"
