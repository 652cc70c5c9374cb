"""The pictures that the README shows, of the demo as it runs: `bin/contact-sheet --readme`."""

from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from home.demo.environment import PASSWORD
from tests.processes import ROOT, Site

FOLDER = ROOT / "docs" / "screenshots"
SIZE = {"width": 1120, "height": 760}
COLOURS = 48  # enough for these pages, and a third of the bytes
REPORT = "SELECT id FROM newsletters_issue WHERE slug = 'why-emails-bounce'"


def for_the_readme(browser: Browser, folder: Path) -> None:
    """Run the demo in a folder of its own, follow the tour, and write docs/screenshots/."""
    site = Site(folder)
    site.set_up_demo()
    FOLDER.mkdir(exist_ok=True)
    with site.running(sandbox=True):
        page = browser.new_page(viewport=SIZE)
        page.goto(f"{site.url}/accounts/login/")
        page.locator("[name=login]").first.fill("admin@example.com")
        page.locator("[name=password]").first.fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.goto(f"{site.url}/sandbox/")
        page.locator("form", has=page.locator("[value=postmark]")).locator("select").select_option(
            "refuse"
        )
        page.get_by_role("button", name="Apply: postmark").click()
        page.goto(f"{site.url}/")
        page.get_by_role("button", name="Send me one of each").click()
        expect(page.locator("#sample-notifications .badge")).to_have_text(
            "delivered", timeout=60_000
        )
        _keep(page, "samples", "#samples")
        _keep(page, "home", "section[aria-labelledby=routing]")
        page.goto(f"{site.url}/inbox/")
        _keep(page, "inbox")
        (number,) = site.sql(REPORT)[0]
        page.goto(f"{site.url}/admin/newsletters/issue/{number}/report/")
        _keep(page, "report")


def _keep(page: Page, name: str, part: str = "") -> None:
    picture = page.locator(part).screenshot() if part else page.screenshot()
    small = Image.open(BytesIO(picture)).convert("RGB").quantize(COLOURS)
    small.save(FOLDER / f"{name}.png", optimize=True)
