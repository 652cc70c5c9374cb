"""WORKER_IN_WEB=1: web and worker as one process tree, through every way in which it can end."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.mailroom.fakes.smtp import SMTPServer
from tests.processes import ROOT, Site, until

EMAILS = 150
IN_FLIGHT = 10  # emails of a transactional window, which may be sent twice after a kill

QUEUE = f"""
from django.core.mail import send_mail
from django.db import transaction
with transaction.atomic():
    for number in range({EMAILS}):
        send_mail("Hello", "Body", None, [f"reader{{number}}@people.test"], using="default")
"""


class OneProcess(Site):
    """A site whose gunicorn runs the worker too."""

    def __init__(self, folder: Path, **variables: str) -> None:
        super().__init__(folder, **variables)
        self.masters: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}"]
        with self.log.open("ab") as log:
            master = subprocess.Popen(
                [*command, "site_config.wsgi"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self.masters.append(master)
        until(self.is_ready, f"the site to be ready, see {self.log}", 180)
        return master

    def processes(self, of: str = "") -> list[int]:
        """Ids of this site's running processes whose command line contains `of`."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_text()
                command = (folder / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            if f"HOME={self.environment['HOME']}\0" in environment and of in command:
                found.append(int(folder.name))
        return found

    @property
    def states(self) -> dict[str, int]:
        query = "SELECT state, count(*) FROM mailroom_delivery GROUP BY state"
        return dict(self.sql(query))


@pytest.fixture
def mail() -> Iterator[SMTPServer]:
    with SMTPServer() as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, mail: SMTPServer) -> Iterator[OneProcess]:
    variables = {"WORKER_IN_WEB": "1", "MAILER_URL": mail.url, "MAIL_LEASE_SECONDS": "3"}
    site = OneProcess(tmp_path, DEBUG="1", **variables)
    site.set_up()
    yield site
    for master in site.masters:
        master.kill()
        master.wait()
    until(lambda: not site.processes(), "the worker and the web workers to end too")


def received(mail: SMTPServer) -> Counter[str]:
    return Counter(address for one in mail.received for address in one.recipients)


@pytest.mark.parametrize("kind", ["TERM", "INT", "KILL"])
def test_nothing_is_lost_however_the_master_ends(site: OneProcess, mail: SMTPServer, kind: str):
    master = site.start()
    site.shell(QUEUE)
    until(lambda: len(mail.received) > 20, "emails to be in flight")

    os.kill(master.pid, getattr(signal, f"SIG{kind}"))
    master.wait(60)
    until(lambda: not site.processes(), "the worker and the web workers to end too")

    master = site.start()
    until(lambda: site.states == {"sent": EMAILS}, "all emails to be sent", 240)
    arrived = received(mail)
    assert len(arrived) == EMAILS
    assert arrived.total() <= EMAILS + (IN_FLIGHT if kind == "KILL" else 0)


def test_one_worker_runs_and_is_started_again_when_it_dies(site: OneProcess, mail: SMTPServer):
    site.start()
    (first,) = site.processes("manage.py worker")

    os.kill(first, signal.SIGKILL)
    until(lambda: site.processes("manage.py worker") not in ([], [first]), "a new worker")
    assert len(site.processes("manage.py worker")) == 1

    site.shell(QUEUE)
    until(lambda: site.states == {"sent": EMAILS}, "the new worker to send", 240)
    assert "Starting it again" in site.log.read_text()


def test_readyz_says_that_the_worker_belongs_to_the_web_process(site: OneProcess):
    site.start()

    assert requests.get(f"{site.url}/readyz", timeout=10).json() == {
        "ready": True,
        "database": "ok",
        "workers": 1,
        "worker_in_web": True,
    }
