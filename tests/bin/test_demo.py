"""bin/demo, as somebody at a terminal sees it."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from home.demo.environment import PASSWORD
from tests.processes import ROOT, free_port, until
from tests.visitor import TOKEN, Visitor

NEWSLETTERS = 120  # so many that by no chance all of them go the same way
QUEUE_NEWSLETTERS = f"""
from django.core.mail import EmailMessage
for number in range({NEWSLETTERS}):
    EmailMessage("News", "News", to=[f"{{number}}@reader.test"]).send(using="newsletters")
"""

PATIENCE = 600  # seconds: each step starts processes, of which a busy machine has many
ASK = """
from datetime import timedelta
from django.utils import timezone
from mailroom.models import Delivery
new = Delivery.objects.filter(created_at__gt=timezone.now() - timedelta(hours=1))
known = new.exclude(feedback="").order_by("alias")  # not those of the seeded past
print(*known.values_list("alias", "feedback").distinct())
"""
FEEDBACK = "('mailgun:example.com', 'delivered') ('postmark', 'delivered')\n"


class Demo:
    """A running bin/demo in a folder of its own, on a machine that is set up for another site."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"demo-{port}.log"
        self.folder = folder / "var"
        # As somebody has them who follows .env.example: none of it may reach the demo.
        shutil.copy(ROOT / ".env.example", folder / "env")
        other = {
            "ENV_FILE": str(folder / "env"),
            "MAILER_URL": "smtp://other.example",
            "DEBUG": "0",
        }
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                # As in a terminal: in the background of a shell nobody hears Ctrl-C.
                ["env", "--default-signal=INT", "bin/demo", "--port", str(port)],
                cwd=ROOT,
                env={**kept, **other, "VAR_DIR": str(self.folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,  # a terminal of its own, in which to press Ctrl-C
            )

    def says(self, words: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return words in self.log.read_text()

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py with the demo's settings; what it printed."""
        done = subprocess.run(
            [ROOT / ".venv/bin/python", "manage.py", *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "ENV_FILE": str(self.folder / "demo.env")},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def received(self, channel: str) -> list[str]:
        """The provider that each email of a channel arrived by."""
        inbox_file = self.folder / "inbox.sqlite3"
        if not inbox_file.exists() or not inbox_file.stat().st_size:
            return []  # nothing came yet
        with closing(sqlite3.connect(inbox_file)) as inbox:
            if not inbox.execute("SELECT 1 FROM sqlite_schema WHERE name = 'email'").fetchone():
                return []  # it is being made
            rows = inbox.execute("SELECT provider FROM email WHERE channel = ?", [channel])
            return [provider for (provider,) in rows]

    def press_ctrl_c(self) -> int:
        """What a terminal does: SIGINT to every process in it. The exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE)

    def has_orphans(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


@contextmanager
def demo(folder: Path, port: int) -> Iterator[Demo]:
    started = Demo(folder, port)
    try:
        yield started
    finally:
        if started.has_orphans():
            os.killpg(started.process.pid, signal.SIGKILL)
        started.process.wait(10)


def test_it_shows_the_site_and_stops_without_a_trace(tmp_path: Path) -> None:
    with demo(tmp_path, free_port()) as shown:
        until(lambda: shown.says("Stop with Ctrl-C"), "bin/demo to be ready", PATIENCE)
        home = requests.get(shown.url, timeout=10)
        inbox = requests.get(f"{shown.url}/inbox/", timeout=10)
        code = shown.press_ctrl_c()
        until(lambda: not shown.has_orphans(), "every process to end", PATIENCE)
        printed = shown.log.read_text()

    assert (home.status_code, inbox.status_code) == (200, 200)
    assert shown.url in printed
    assert "admin@example.com" in printed
    assert "Traceback" not in printed
    assert printed.endswith("Stopped.\n")
    assert code == 0


def test_each_channel_arrives_by_the_provider_it_is_configured_for(tmp_path: Path) -> None:
    with demo(tmp_path, free_port()) as shown:
        until(lambda: shown.says("Stop with Ctrl-C"), "bin/demo to be ready", PATIENCE)
        admin = Visitor(shown.url)
        admin.log_in("admin@example.com", PASSWORD)
        admin.post("/samples/")  # one of each kind
        until(lambda: shown.received("newsletters"), "one of each to arrive", PATIENCE)
        shown.manage("shell", "-v0", "-c", QUEUE_NEWSLETTERS)
        until(
            lambda: len(shown.received("newsletters")) == 1 + NEWSLETTERS,
            "the newsletters",
            PATIENCE,
        )
        mailers = json.loads(shown.manage("mailers", "--json"))
        smtp, postmark, mailgun = (one["alias"] for one in mailers["providers"])

        assert (postmark, mailgun) == ("postmark", "mailgun:example.com")
        assert shown.received("registration") == [smtp]
        assert shown.received("password_reset") == [postmark]
        assert shown.received("notifications") == [mailgun]
        by_mailgun = shown.received("newsletters").count(mailgun)
        assert 0 < by_mailgun < NEWSLETTERS / 2
        assert {one["alias"]: one["providers"] for one in mailers["channels"]} == {
            "default": [smtp],
            "registration": [smtp],
            "password_reset": [postmark, smtp],
            "notifications": [mailgun],
            "newsletters": [smtp, mailgun],
        }
        for channel, via in (
            ("registration", smtp),
            ("password_reset", f"failover:{postmark}, {smtp}"),
            ("notifications", mailgun),
            ("newsletters", f"split:80 {smtp}, 20 {mailgun}"),
        ):
            assert shown.says(f"{channel} email goes through {via}")

        # What the providers report comes back to the deliveries.
        until(lambda: shown.manage("shell", "-v0", "-c", ASK) == FEEDBACK, "the webhooks", PATIENCE)

        # The outage of the README: a reset goes through the SMTP server, a notification waits.
        behave(admin, postmark, "refuse")
        behave(admin, mailgun, "refuse")
        admin.post("/samples/")
        until(lambda: smtp in shown.received("password_reset"), "the failover", PATIENCE)
        assert shown.received("notifications") == [mailgun]
        behave(admin, postmark, "")
        behave(admin, mailgun, "")
        until(lambda: len(shown.received("notifications")) > 1, "what waited", PATIENCE)
    assert (tmp_path / "env").read_text() == (ROOT / ".env.example").read_text()


def behave(admin: Visitor, alias: str, mode: str) -> None:
    """Choose on the sandbox's page how a provider behaves."""
    page = admin.get("/sandbox/")
    fields = {"csrfmiddlewaretoken": TOKEN.search(page.text)[1], "alias": alias, "mode": mode}
    url = f"{admin.url}/sandbox/mode/"
    assert admin.session.post(url, fields, headers={"Referer": page.url}).ok


def test_it_says_that_a_port_is_in_use(tmp_path: Path) -> None:
    port = free_port()
    with busy(port), demo(tmp_path, port) as refused:
        code = refused.process.wait(PATIENCE)

    assert code == 1
    assert f"Port {port} cannot be used" in refused.log.read_text()


@contextmanager
def busy(port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield


@pytest.mark.parametrize("port", ["", "http", "-1", "80000"])
def test_it_says_that_a_port_is_none(port: str) -> None:
    done = subprocess.run(
        ["bin/demo", "--port", port], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "--port needs a number" in done.stderr
