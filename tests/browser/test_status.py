"""The status page while a provider of the sandbox fails, and staff who manage it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit
from tests.processes import Site, free_port

pytestmark = pytest.mark.browser


@pytest.fixture
def two_ways(tmp_path: Path) -> Iterator[Site]:
    """A site whose email goes through Postmark or else an SMTP server, both in the sandbox."""
    smtp, api = free_port(), free_port()
    site = Site(
        tmp_path,
        DEBUG="1",
        VAR_DIR=str(tmp_path / "var"),
        MAILER_URL=f"failover(postmark://KEY?api_url=http://127.0.0.1:{api}/"
        f" smtp+plain://127.0.0.1:{smtp})",
        WEBHOOK_SECRET="sandbox:" + "a1b2" * 8,
        MAIL_BREAKER_SECONDS="2",
        MAIL_RETRY_SECONDS="1",
    )
    site.set_up()
    site.manage("seed_demo")
    with site.running(sandbox=True):
        yield site


@pytest.fixture
def staff(page: Page, two_ways: Site) -> Visit:
    page.set_default_timeout(15_000)
    return Visit(page, two_ways).log_in("admin@example.com", PASSWORD)


def behave(staff: Visit, mode: str) -> None:
    """Choose on the sandbox's page how Postmark behaves."""
    staff.go("/sandbox/").page.locator("#mode-1").select_option(mode)
    staff.page.get_by_role("button", name="Apply: postmark").click()


@pytest.fixture
def reader(staff: Visit) -> Visit:
    """Someone else, in a window of their own."""
    return Visit(staff.page.context.browser.new_page(), staff.site)


def subscribe(reader: Visit, name: str) -> None:
    reader.go("/newsletters/changes/").fill_in("Subscribe", email=f"{name}@example.com")


def test_email_takes_the_other_provider_during_an_outage(staff: Visit, reader: Visit) -> None:
    state = staff.page.locator("#provider-1 .badge").first
    behave(staff, "refuse")
    staff.look("sandbox")
    for number in range(3):
        subscribe(reader, f"during-{number}")
        staff.mail("Confirm your subscription", f"during-{number}@example.com")

    staff.go("/mail/status/")
    expect(state).to_have_text("cooling down")
    expect(staff.page.locator("#provider-1 .last-error")).to_contain_text("503")
    staff.look("status-outage")
    staff.go("/notifications/")
    expect(staff.page.get_by_text(re.compile("is going through smtp")).first).to_be_visible()

    behave(staff, "")
    subscribe(reader, "after-a-while")
    staff.page.wait_for_timeout(5_000)  # its rest, which no page ends
    subscribe(reader, "after")
    staff.mail("Confirm your subscription", "after@example.com")

    staff.go("/mail/status/")
    expect(state).to_have_text("working")
    staff.look("status-healed")


def test_staff_pause_resume_and_test_a_provider(staff: Visit) -> None:
    staff.go("/mail/status/").look("status")
    staff.press("Pause postmark")
    expect(staff.page.locator("#provider-1")).to_contain_text("paused")
    staff.press("Resume postmark")
    expect(staff.page.locator("#provider-1")).not_to_contain_text("paused")
    staff.press("Send me a test")
    expect(staff.page.get_by_text("accepted a test email to admin@example.com")).to_be_visible()

    assert "without the outbox" in staff.mail("Test of the provider postmark", "admin@example.com")
