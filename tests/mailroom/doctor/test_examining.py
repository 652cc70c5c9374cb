"""The doctor: with everything right, and with each single thing wrong."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from mailroom.config.mailers import MailerTree
from mailroom.config.urls import parse
from mailroom.models import Delivery, Event, Message, WorkerBeat
from tests.mailroom.conftest import queue
from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.proxy import TLSProxy


@pytest.fixture
def well(settings, names, outbox_mailers, tmp_path, monkeypatch):
    """An installation with nothing wrong; `examined()` is what the doctor finds in it."""
    WorkerBeat.objects.create(name="one")
    # To a post that nobody signed, and to leave what is nobody's.
    answers = {"/mail/": Answer(400, "Refused."), "/": Answer(200, "You are unsubscribed.")}
    with (
        HTTPServer(Answer(200, {})) as api,
        HTTPServer(by_path=answers) as site,
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
        assert well()[1]["configuration", "mailroom.W006"] == "warning"

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
                channel="newsletters",
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
