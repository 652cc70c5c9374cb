"""The outage demo: one cuts a provider on the status page, and watches mail go by the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from site_config.demo.people import PASSWORD
from tests.browser.conftest import Visit
from tests.processes import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def two_ways(tmp_path: Path) -> Iterator[Site]:
    """The site as bin/demo shows it: two providers, and outages to simulate."""
    site = Site(
        tmp_path,
        DEBUG="1",
        VAR_DIR=str(tmp_path / "var"),
        SIMULATE_OUTAGES="1",
        MAILER_URL="failover(inbox: inbox:?from=Spare%20%3Cspare@example.com%3E)",
        MAIL_BREAKER_SECONDS="2",
        MAIL_RETRY_SECONDS="1",
    )
    site.set_up()
    site.manage("seed_demo")
    with site.running():
        yield site


@pytest.fixture
def staff(page: Page, two_ways: Site) -> Visit:
    page.set_default_timeout(15_000)
    return Visit(page, two_ways).log_in("admin@example.com", PASSWORD)


def cut(staff: Visit, number: int, how: str) -> None:
    staff.go("/mail/status/").page.locator(f"#outage-{number}").select_option(how)
    staff.page.locator("button[value=outage]").nth(number - 1).click()


@pytest.fixture
def reader(staff: Visit) -> Visit:
    """Somebody else, in a window of their own."""
    return Visit(staff.page.context.browser.new_page(), staff.site)


def subscribe(reader: Visit, name: str) -> None:
    reader.go("/newsletters/changes/").fill_in("Subscribe", email=f"{name}@example.com")


def test_an_outage_is_cut_in_watched_and_healed(staff: Visit, reader: Visit) -> None:
    state = staff.page.locator("#provider-1 .badge").first
    cut(staff, 1, "refuse")
    for number in range(3):
        subscribe(reader, f"during-{number}")
        staff.mail("Confirm your subscription", f"during-{number}@example.com")

    staff.go("/mail/status/")
    expect(state).to_have_text("resting")
    expect(staff.page.locator("#provider-1 .last-error")).to_contain_text("Connection refused")
    staff.look("status-outage")
    staff.go("/notifications/")
    expect(staff.page.get_by_text("goes by inbox-2").first).to_be_visible()

    cut(staff, 1, "")
    subscribe(reader, "after-a-while")
    staff.page.wait_for_timeout(5_000)  # its rest, which no page ends
    subscribe(reader, "after")
    staff.mail("Confirm your subscription", "after@example.com")

    staff.go("/mail/status/")
    expect(state).to_have_text("working")
    staff.look("status-healed")


def test_staff_pause_resume_and_test_a_provider(staff: Visit) -> None:
    staff.go("/mail/status/").look("status")
    staff.press("Pause inbox")
    expect(staff.page.locator("#provider-1")).to_contain_text("paused")
    staff.press("Resume inbox")
    expect(staff.page.locator("#provider-1")).not_to_contain_text("paused")
    staff.press("Send me a test")
    expect(staff.page.get_by_text("accepted a test mail to admin@example.com")).to_be_visible()

    assert "past the outbox" in staff.mail("A test of the mailer inbox", "admin@example.com")
