"""One of each kind of mail, sent and followed on the home page, with JavaScript and without."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from site_config.demo.people import PASSWORD
from site_config.specimens import CHANNELS
from tests.browser.conftest import Visit
from tests.processes import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def plain(browser: Browser, demo: Site) -> Iterator[Visit]:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(30_000)
    yield Visit(context.new_page(), demo)
    context.close()


def test_they_are_followed_as_they_travel(visit: Visit) -> None:
    page = visit.log_in("reader@example.com", PASSWORD).page
    visit.go("/").press("Send me one of each")

    for channel in CHANNELS:
        row = page.locator(f"#specimen-{channel}")
        expect(row.locator(".badge")).to_have_text("sent")
        expect(row.get_by_role("link")).to_be_visible()
    visit.look("home-specimens")

    page.locator("#specimen-newsletters").get_by_role("link").click()
    expect(page.get_by_text("Specimen: Newsletters").first).to_be_visible()


def test_without_javascript_a_reload_tells(plain: Visit) -> None:
    plain.log_in("admin@example.com", PASSWORD).go("/").press("Send me one of each")
    row = plain.page.locator("#specimen-password_reset .badge")

    for _ in range(60):
        if row.text_content() == "sent":
            break
        plain.page.wait_for_timeout(500)
        plain.page.reload()

    expect(row).to_have_text("sent")
