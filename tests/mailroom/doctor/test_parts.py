"""What the doctor looks at one by one: headers, our own addresses, mail servers."""

import pytest
from requests.exceptions import ConnectionError as NotReached

from mailroom.config.mailers import MailerTree
from mailroom.config.urls import parse
from mailroom.doctor import connections, own_urls
from mailroom.doctor.findings import Means, Status
from mailroom.doctor.headers import header_faults
from mailroom.message_types import bulk, transactional
from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.proxy import TLSProxy
from tests.mailroom.fakes.smtp import SMTPServer

TRANSACTIONAL = {"Auto-Submitted": "auto-generated", "Feedback-ID": "a:b:c:mailroom"}
BULK = {
    "Feedback-ID": "a:b:c:mailroom",
    "Precedence": "bulk",
    "List-Id": "<weekly.x.test>",
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
        (found,) = connections.examine_providers(Means(timeout=2))
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
