"""A real Chromium, the site on its defaults, and an axe run of every page.

pytest's `--screenshot only-on-failure` keeps pictures; bin/contact-sheet has those of all pages.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.processes import Site

expect.set_options(timeout=60_000)
WIDTHS = {"desktop": 1280, "phone": 375}

# Playwright leaves its event loop running in this thread, and Django would then refuse the database
# to every test that comes after. Here nothing uses it at the same time.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "No Chromium: install it, or leave the browser's tests out"
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    return {"executable_path": path, "args": arguments}


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Path]:
    """The demo's site, and a copy of its folder as it was when it had just been filled."""
    folder = tmp_path_factory.mktemp("demo") / "site"
    folder.mkdir()
    site = Site(folder, DEBUG="1", VAR_DIR=str(folder / "var"))
    site.set_up()
    site.manage("seed_demo")
    return site, Path(shutil.copytree(folder, folder.with_name("seeded")))


@pytest.fixture(scope="module")
def demo(seeded: tuple[Site, Path]) -> Iterator[Site]:
    """The site as bin/demo shows it, as new for each file of tests."""
    site, copy = seeded
    shutil.rmtree(site.database.parent)
    shutil.copytree(copy, site.database.parent)
    with site.running():
        yield site


class Visit:
    """A page in the browser, and axe's look at it at two widths."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        self.faults: list[str] = []
        page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.faults.append(message.text)

    def go(self, address: str) -> "Visit":
        self.page.goto(address if address.startswith("http") else self.site.url + address)
        return self

    def look(self, name: str) -> None:
        """Fail on anything that axe or the policy objects to at either width; name: of the page."""
        self.page.wait_for_timeout(300)  # a click before may lead to another page
        self.page.wait_for_load_state()
        for kind, width in WIDTHS.items():
            self.page.set_viewport_size({"width": width, "height": 900})
            found = Axe().run(self.page)
            assert found.violations_count == 0, f"{name}, {kind}:\n{found.generate_report()}"
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} px wide at {width}"
        assert self.faults == [], f"{name} breaks the page's policy"

    def fill_in(self, button: str, **fields: str) -> "Visit":
        for name, value in fields.items():
            self.page.locator(f"main [name={name}], #content [name={name}]").first.fill(value)
        return self.press(button)

    def press(self, button: str) -> "Visit":
        self.page.get_by_role("button", name=re.compile(f"^{button}", re.IGNORECASE)).first.click()
        return self

    def log_in(self, email: str, password: str) -> "Visit":
        return self.go("/accounts/login/").fill_in("Sign In", login=email, password=password)

    def mail(self, subject: str, address: str) -> str:
        """Wait for a mail in the development inbox, open it, and return its text."""
        row = self.page.locator("table.emails tr", has_text=subject).filter(has_text=address)
        for _ in range(60):
            self.go("/inbox/")
            if row.count():
                row.first.get_by_role("link").click()
                self.page.get_by_role("link", name="Text", exact=True).click()
                return self.page.locator("pre.email-text").text_content() or ""
            self.page.wait_for_timeout(500)
        raise AssertionError(f"No mail {subject!r} for {address}")


@pytest.fixture
def visit(page: Page, demo: Site) -> Visit:
    page.set_default_timeout(60_000)  # a log-in hashes: that takes seconds on a busy machine
    return Visit(page, demo)


def link_in(text: str, part: str) -> str:
    return re.search(rf"http\S+{part}\S+", text)[0]
