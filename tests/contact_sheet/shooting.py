"""Chromium looks at each page, at each width, by day and by night."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.contact_sheet.pages import SHOTS, Shot

WIDTHS = (375, 768, 1440)
SCHEMES = ("light", "dark")
STYLE = re.compile(r"<style.*?</style>", re.DOTALL)
Show = Callable[[Page], object]


@contextmanager
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        raise SystemExit("No Chromium: install it, or name one in CHROMIUM.")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Photographer:
    """Takes each picture into a folder, and tells which pages are wider than the window."""

    def __init__(self, browser: Browser, url: str, known: dict[str, Any], folder: Path) -> None:
        self.browser, self.url, self.known, self.folder = browser, url, known, folder
        self.faults: list[str] = []
        self._contexts: dict[str, BrowserContext] = {}

    def everything(self, wanted: str) -> Iterator[tuple[str, str]]:
        """(group, name) of what was looked at. wanted: part of a name; "" for all."""
        for shot in SHOTS:
            if wanted in f"{shot.group}/{shot.name}":
                self._look(shot.group, shot.name, self.page_of(shot.who), self._shower(shot))
                yield shot.group, shot.name
        for name, html in self.known["mails"].items():
            for group, text in (("mails", html), ("mails-without-style", STYLE.sub("", html))):
                if wanted in f"{group}/{name}":
                    self._look(group, name, self.page_of("reader of mail"), self._as_is(text))
                    yield group, name

    def _shower(self, shot: Shot) -> Show:
        if shot.view in self.known["errors"]:
            return self._as_is(self.known["errors"][shot.view])
        address = self.url + self.known["addresses"][shot.view]
        return lambda page: page.goto(address)

    def _as_is(self, html: str) -> Show:
        """Show a text as if the site had answered with it, so that it gets its pictures there."""
        address = f"{self.url}/as-is/"

        def show(page: Page) -> None:
            page.route(address, lambda route: route.fulfill(body=html, content_type="text/html"))
            page.goto(address)
            page.unroute(address)

        return show

    def page_of(self, who: str) -> Page:
        if who not in self._contexts:
            context = self._contexts[who] = self.browser.new_context()
            context.set_default_timeout(60_000)
            if session := self.known["sessions"].get(who):
                cookie = {"name": "sessionid", "value": session, "url": self.url}
                context.add_cookies([cookie])
            context.new_page()
        return self._contexts[who].pages[0]

    def _look(self, group: str, name: str, page: Page, show: Show) -> None:
        page.set_viewport_size({"width": WIDTHS[-1], "height": 900})
        answer = show(page)
        if answer is not None and answer.status >= 400:
            self.faults.append(f"{group}/{name} answered {answer.status}")
        if len(page.frames) > 1:
            page.wait_for_load_state("networkidle")  # the frames' own pages too
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                if len(page.frames) > 1:
                    _show_frames(page, width)
                path = self.folder / picture(group, name, width, scheme)
                path.parent.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=path, full_page=True)
                self._measure(page, f"{group}/{name}", width, scheme)

    def _measure(self, page: Page, name: str, width: int, scheme: str) -> None:
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width and scheme == SCHEMES[0]:
            self.faults.append(f"{name} is {wide} px wide at {width}")


def _show_frames(page: Page, width: int) -> None:
    """Chromium leaves a frame below the window's edge unpainted: make the window high enough."""
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(500)


def picture(group: str, name: str, width: int, scheme: str) -> str:
    return f"{group}/{name}-{width}-{scheme}.png"
