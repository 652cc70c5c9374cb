"""One of each kind of email, sent and followed on the home page, with JavaScript and without."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from home.demo.environment import PASSWORD
from home.samples import CHANNELS
from tests.browser.conftest import Visit
from tests.browser.test_accounts import Keyboard
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
        sample = page.locator(f"#sample-{channel}")
        expect(sample.locator(".timeline")).to_contain_text("sent through inbox")
        expect(page.locator(f"#counts-{channel}")).to_contain_text(re.compile(r"Sent\s*1"))
    visit.look("home-samples")

    page.locator("#sample-newsletters").get_by_role("link", name="Email in the inbox").click()
    page.get_by_role("link", name="Sample: Newsletters").click()
    expect(page.get_by_role("heading", name="Sample: Newsletters").first).to_be_visible()


def test_without_javascript_a_reload_shows_the_timeline(plain: Visit) -> None:
    plain.log_in("admin@example.com", PASSWORD).go("/").press("Send me one of each")
    timeline = plain.page.locator("#sample-password_reset .timeline")

    for _ in range(60):
        if "sent through" in (timeline.text_content() or ""):
            break
        plain.page.wait_for_timeout(500)
        plain.page.reload()

    expect(timeline).to_contain_text("sent through")


def test_the_home_page_works_by_keyboard(visit: Visit) -> None:
    page = visit.log_in("reader@example.com", PASSWORD).page
    keyboard = Keyboard(page)
    visit.go("/")
    keyboard.tab_to(".skip-link").press("Enter")
    keyboard.tab_to("main summary").press("Enter")
    expect(page.locator("main details[open]").first).to_be_visible()
    visit.go("/")
    keyboard.tab_to("form[action='/samples/'] button").press("Enter")
    expect(page.locator("#sample-registration .timeline")).to_contain_text("sent through")
    keyboard.tab_to("#sample-registration a")
