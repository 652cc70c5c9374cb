"""The few pictures that the README shows: `bin/contact-sheet --readme`."""

from typing import Any

from playwright.sync_api import Browser

from tests.contact_sheet.shooting import Photographer
from tests.processes import ROOT

FOLDER = ROOT / "docs" / "screenshots"
SIZE = {"width": 1280, "height": 860}
PICTURES = {
    "home": ("home", ""),
    "specimens": ("home-signed-in", "#specimens"),
    "issue": ("issue-draft", ""),
}


def for_the_readme(browser: Browser, url: str, known: dict[str, Any]) -> None:
    FOLDER.mkdir(exist_ok=True)
    page = Photographer(browser, url, known, FOLDER).page_of("staff")
    page.set_viewport_size(SIZE)
    for name, (view, part) in PICTURES.items():
        page.goto(url + known["addresses"][view] + part)
        page.wait_for_load_state("networkidle")
        for frame in page.frames:  # the preview's
            frame.wait_for_load_state()
        page.screenshot(path=FOLDER / f"{name}.png")
