"""Tasks on a broker of one's own: nothing of ours is lost, whatever becomes of the broker."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import SMTPServer
from tests.processes import Site, until
from tests.services import BROKERS, Broker

pytestmark = pytest.mark.brokers

READERS = 20

# An issue, an import, an announcement and a digest: all that is a task.
ACT = f"""
from allauth.account.models import EmailAddress
from django.utils import timezone
from accounts.models import User
from newsletters.sending.publish import publish
from newsletters.subscribers.importing import check_columns
from newsletters.models import Issue, Newsletter, SubscriberImport, Subscription
from notifications.kinds import KINDS, Way
from notifications.models import Announcement, DueDigest, Preference
from notifications.announcements import send
from notifications.notify import notify

weekly = Newsletter.objects.create(name="Weekly", slug="weekly")
for n in range({READERS}):
    Subscription.objects.create(
        newsletter=weekly, email=f"reader{{n}}@example.com", state="confirmed",
        confirmed_at=timezone.now(),
    )
user = User.objects.create_user("ann@example.com", None)
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
Preference.choose(user, KINDS["new_issue"], Way.DIGEST)
notify([user], "new_issue", newsletter="Weekly", subject="First")
DueDigest.objects.update(due_at="2020-01-01T00:00Z")

send(Announcement.objects.create(title="Closed on Monday", body="Back on Tuesday."))

job = SubscriberImport.objects.create(
    newsletter=weekly, file_name="people.csv", consent="They asked at the fair.",
    data=b"email\\nimported@example.com\\n", header=["email"],
)
check_columns(job, {{"email": 0}})

issue = Issue.objects.create(newsletter=weekly, subject="Hello", slug="hello", body="Hello.")
publish(issue)
"""
SENT = "SELECT count(*) FROM mailroom_delivery WHERE state = 'sent'"
CHECKED = "SELECT state FROM newsletters_subscriberimport"


@contextmanager
def running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@contextmanager
def silent_server() -> Iterator[int]:
    """Accepts connections and never says a word; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    accepted.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


def site_with(tmp_path: Path, tasks_url: str, server: SMTPServer) -> Site:
    site = Site(
        tmp_path,
        DEBUG="1",
        VAR_DIR=str(tmp_path / "var"),
        TASKS_URL=tasks_url,
        MAILER_URL=server.url,
    )
    site.set_up()
    return site


def all_is_done(site: Site) -> bool:
    # The issue to each reader, the announcement and the digest to ann.
    return site.sql(SENT) == [(READERS + 2,)] and site.sql(CHECKED) == [("ready",)]


@pytest.mark.parametrize("kind", ["redis", pytest.param("rabbitmq", marks=pytest.mark.full)])
def test_all_tasks_run_with_a_broker_and_after_it_forgot_them(tmp_path, kind):
    with running(BROKERS[kind](tmp_path)) as broker, SMTPServer() as server:
        site = site_with(tmp_path, broker.url, server)
        site.shell(ACT)
        broker.restart()  # Redis forgets what was queued: no worker has seen it

        with site.running():
            until(lambda: all_is_done(site), f"everything to be sent, see {site.log}", 120)

        recipients = [address for one in server.received for address in one.recipients]
        assert len(recipients) == READERS + 2


def test_a_broker_that_is_away_or_silent_keeps_no_page_waiting(tmp_path):
    with SMTPServer() as server, silent_server() as silent:
        for place in (closed_port(), silent):
            folder = tmp_path / str(place)
            folder.mkdir()
            site = site_with(folder, f"redis://127.0.0.1:{place}/0", server)
            began = time.monotonic()
            site.shell(ACT)
            took = time.monotonic() - began

            assert took < 60, f"{took:.0f} seconds with a broker on port {place}"
            assert site.sql("SELECT state FROM newsletters_issue") == [("sending",)]
