"""Two workers and four web processes share what they learn of a provider."""

from pathlib import Path

import pytest

from tests.mailroom.fakes.smtp import Script, SMTPServer
from tests.processes import Site, until

QUEUE = """
from django.core.mail import EmailMessage
for number in range({begin}, {end}):
    EmailMessage("Hello", "Hello", to=[f"{{number}}@reader.test"]).send(using="default")
"""
CLOSED = "SELECT 1 FROM mailroom_mailerhealth WHERE state = 'closed'"


class Counting(SMTPServer):
    """Counts connections: every one is somebody's attempt."""

    connections = 0

    def factory(self):
        self.connections += 1
        return super().factory()


def mails(server: SMTPServer) -> set[str]:
    return {address for one in server.received for address in one.recipients}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(
        tmp_path,
        DEBUG="1",
        VAR_DIR=str(tmp_path / "var"),
        WEB_CONCURRENCY="4",
        MAIL_BREAKER_SECONDS="3",
        MAIL_RETRY_SECONDS="0.5",
    )


def test_a_provider_that_dies_is_left_alone_and_taken_back(site: Site) -> None:
    first, second = SMTPServer(), SMTPServer()
    first.start()
    second.start()
    site.environment["MAILER_URL"] = f"failover({first.url} {second.url})"
    site.set_up()
    try:
        with site.running(workers=2):
            site.shell(QUEUE.format(begin=0, end=20))
            until(lambda: len(first.received) == 20, "the first to carry all")

            first.stop(no_assert=True)
            with Counting(Script(greeting="421 dying"), port=first.port) as dying:
                tries_before = dying.connections  # the one that starting it makes
                site.shell(QUEUE.format(begin=20, end=120))
                until(lambda: len(second.received) == 100, "the second to carry all")
                tries = dying.connections - tries_before

            with SMTPServer(port=first.port) as back:
                site.shell(QUEUE.format(begin=120, end=121))
                until(lambda: site.sql(CLOSED) or _nudge(site), "its return")
                before = len(back.received)
                site.shell(QUEUE.format(begin=200, end=220))
                until(lambda: len(back.received) >= before + 20, "the first to carry all again")
    finally:
        second.stop(no_assert=True)

    everybody = [*first.received, *second.received, *back.received]
    addresses = [address for one in everybody for address in one.recipients]
    assert len(addresses) == len(set(addresses))
    assert tries <= 3 + 2 * 2 + 2  # to open it, one more in each worker's hands, and probes


def _nudge(site: Site) -> bool:
    """Queue one more mail: a probe needs something to carry."""
    _nudge.number = getattr(_nudge, "number", 1000) + 1
    site.shell(QUEUE.format(begin=_nudge.number, end=_nudge.number + 1))
    return False
