"""The editor's desk in a real browser: publish, undo, watch a slow sending, cancel, report."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit
from tests.processes import ROOT, Site, until
from tests.services import free_port, wait_for_port

pytestmark = pytest.mark.browser

SECONDS_A_MAIL = 0.1
MORE = """
from django.utils import timezone
from newsletters.models import Newsletter, Subscription
letter = Newsletter.objects.get(slug="mailroom-letter")
Subscription.objects.bulk_create(
    Subscription(newsletter=letter, email=f"more{number}@example.net", state="confirmed",
                 confirmed_at=timezone.now()) for number in range(%d))
"""


class SlowServer:
    """A mail server that takes its time and writes down what it accepts."""

    def __init__(self, folder: Path) -> None:
        self.port, self.log = free_port(), folder / "accepted.jsonl"
        self.log.touch()

    def __enter__(self) -> "SlowServer":
        behave = json.dumps({"delay": SECONDS_A_MAIL})
        command = [
            sys.executable,
            "tests/mailroom/fakes/sink.py",
            f"--port={self.port}",
            f"--log={self.log}",
        ]
        self.process = subprocess.Popen([*command, f"--behave={behave}"], cwd=ROOT)
        wait_for_port(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)

    def accepted(self) -> list[str]:
        return [json.loads(line)["to"][0] for line in self.log.read_text().splitlines()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SlowServer]:
    with SlowServer(tmp_path) as server:
        yield server


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, server: SlowServer) -> Iterator[Site]:
    """param: seconds in which an issue can be taken back."""
    site = Site(
        tmp_path,
        DEBUG="1",
        VAR_DIR=str(tmp_path / "var"),
        MAILER_URL_NEWSLETTERS=f"smtp+plain://127.0.0.1:{server.port}",
        PUBLISH_GRACE_SECONDS=getattr(request, "param", "30"),
    )
    site.set_up()
    site.manage("seed_demo")
    with site.running():
        yield site


@pytest.fixture
def editor(page: Page, site: Site) -> Visit:
    page.set_default_timeout(60_000)
    return Visit(page, site).log_in("admin@example.com", PASSWORD)


def open_draft(editor: Visit) -> str:
    editor.go("/admin/newsletters/issue/").page.get_by_role("link", name="Four kinds").click()
    editor.page.wait_for_url("**/change/")
    return editor.page.url


def publish_now(editor: Visit) -> None:
    editor.page.locator("[name=seen]").first.check()
    editor.press("Publish now")


def states(site: Site) -> dict[str, int]:
    rows = site.sql("SELECT state, count(*) FROM mailroom_delivery GROUP BY state")
    return dict(rows)


@pytest.mark.parametrize("people", [500, pytest.param(2000, marks=pytest.mark.full)])
def test_a_slow_sending_is_watched_paused_resumed_and_cancelled(
    editor: Visit, server: SlowServer, people: int
) -> None:
    page, site = editor.page, editor.site
    site.shell(MORE % (people - 200))
    issue = open_draft(editor)
    page.get_by_role("button", name="Publish…").click()
    expect(page.get_by_text(f"{people:,} subscribers")).to_be_visible()
    editor.look("desk-publish")
    publish_now(editor)
    expect(page.get_by_text("You have 30 seconds to undo")).to_be_visible()
    editor.look("desk-grace")
    editor.press("Undo")
    expect(page.get_by_text("It is a draft again. Nothing was sent.")).to_be_visible()
    editor.look("desk-draft")
    assert server.accepted() == []

    publish_now(editor.go(issue.replace("change", "publish")))
    expect(page.locator("#progress-title")).to_have_text("Sending", timeout=60_000)
    until(lambda: len(server.accepted()) >= 15, "the first mails to be accepted")
    editor.press("Pause")
    expect(page.locator("#progress-title")).to_have_text("Paused")
    page.wait_for_timeout(2000)
    after_two_seconds = len(server.accepted())
    editor.look("desk-paused")
    page.wait_for_timeout(1500)
    assert len(server.accepted()) == after_two_seconds < people
    assert states(site) == {"sent": after_two_seconds, "queued": people - after_two_seconds}

    editor.press("Resume")
    until(lambda: len(server.accepted()) >= after_two_seconds + 15, "more mails to be accepted")
    expect(page.get_by_text(re.compile(r"\d a minute"))).to_be_visible()
    page.get_by_text("Cancel the rest…").click()
    page.wait_for_timeout(2500)  # the page has looked for news, and the question is still open
    page.get_by_role("button", name="Cancel the rest").click()
    expect(page.locator("#progress-title")).to_have_text("Cancelled")
    page.wait_for_timeout(2000)
    accepted = server.accepted()
    assert len(accepted) == len(set(accepted)) < people
    assert states(site) == {"sent": len(accepted), "skipped": people - len(accepted)}
    editor.go(issue).look("desk-cancelled")

    page.get_by_role("link", name="Report").click()
    expect(page.locator(".sent .report-number")).to_have_text(f"{len(accepted):,}")
    editor.look("desk-report")
    page.get_by_role("link", name="skipped").click()
    expect(page.locator("#recipients-title")).to_have_text("Recipients: skipped")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download these as CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == people - len(accepted) + 1


def test_two_editors_see_what_the_other_wrote(editor: Visit, browser: Browser) -> None:
    issue = open_draft(editor)
    with browser.new_context() as context:
        context.set_default_timeout(60_000)
        other = Visit(context.new_page(), editor.site).log_in("admin@example.com", PASSWORD)
        other.go(issue).page.locator("[name=preheader]").fill("By the other one")
        expect(other.page.locator("#saved")).to_contain_text("Saved")

    editor.page.locator("[name=preheader]").fill("By the first one")
    expect(editor.page.locator("#trouble")).to_contain_text("saved this draft in another window")
    editor.look("desk-conflict")
    editor.press("Compare and decide")

    expect(editor.page.get_by_text("after you had opened it")).to_be_visible()
    expect(editor.page.locator("[name=preheader]")).to_have_value("By the first one")
    expect(editor.page.get_by_text("-By the other one")).to_be_visible()
    editor.look("desk-two-editors")
    editor.press("Save")
    expect(editor.page.get_by_text("was changed successfully")).to_be_visible()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control of that name has the focus."""
    name_of = "(e) => (e.tagName != 'BUTTON' && e.value || e.textContent).trim().slice(0, 50)"
    focused = f"({name_of})(document.activeElement)"
    seen = []
    for _ in range(120):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(focused))
        if seen[-1] == name:
            return
    raise AssertionError(f"No way to {name!r} by the keyboard {seen}")


@pytest.mark.parametrize("site", ["600"], indirect=True)
def test_by_keyboard_alone(editor: Visit, server: SlowServer) -> None:
    page = editor.page
    open_draft(editor)
    tab_to(page, "Publish…")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Now")).to_be_visible()
    tab_to(page, "on")  # the box: it was looked at, and is meant so
    page.keyboard.press("Space")
    tab_to(page, "Publish now")
    page.keyboard.press("Enter")
    expect(page.locator("#progress-title")).to_have_text("Waiting for its scheduled time")
    tab_to(page, "Back to draft")
    page.wait_for_timeout(2500)  # the section has been replaced twice under the focus
    page.keyboard.press("Enter")

    expect(page.get_by_text("It is a draft again")).to_be_visible()
    assert server.accepted() == []


def test_without_javascript(site: Site, browser: Browser, server: SlowServer) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        editor = Visit(page, site).log_in("admin@example.com", PASSWORD)
        issue = open_draft(editor)
        editor.go(issue.replace("change", "publish"))
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
        page.get_by_label("Date and time").fill(f"{tomorrow}T09:00")
        page.locator("[name=seen]").last.check()
        editor.press("Schedule")
        expect(page.get_by_text("Sending starts on")).to_be_visible()
        editor.press("Back to draft")
        expect(page.get_by_text("It is a draft again")).to_be_visible()

        publish_now(editor.go(issue.replace("change", "publish")))
        until(lambda: len(server.accepted()) >= 5, "the first mails to be accepted")
        page.get_by_role("link", name="Reload").click()
        expect(page.locator("#progress-title")).to_have_text("Sending")
        page.get_by_text("Cancel the rest…").click()
        page.get_by_role("button", name="Cancel the rest").click()
        expect(page.locator("#progress-title")).to_have_text("Cancelled")
        page.get_by_role("link", name="Report").click()
        expect(page.locator("#recipients-title")).to_have_text("All recipients")
