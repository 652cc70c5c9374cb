"""Formatted text from the clipboard of other programs becomes Markdown."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from newsletters.markdown import visible_tags
from tests.browser.conftest import Visit
from tests.browser.test_desk import begin

pytestmark = pytest.mark.browser

CLIPBOARD = Path(__file__).parent.parent / "data" / "clipboard"
ATTACKS = (Path(__file__).parent.parent / "data" / "xss.txt").read_text("utf-8").splitlines()
PASTE = """([html, text, files]) => {
    const clipboardData = new DataTransfer();
    if (html) clipboardData.setData("text/html", html);
    if (text) clipboardData.setData("text/plain", text);
    for (const name of files) clipboardData.items.add(new File(["x"], name, {type: "image/png"}));
    const body = document.getElementById("id_body");
    body.focus();
    body.value = "";
    const event = new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true});
    body.dispatchEvent(event);
    return [body.value, event.defaultPrevented];
}"""


def paste(page: Page, html: str = "", text: str = "", *files: str) -> tuple[str, bool]:
    """What stands in the body after pasting, and whether the page did it (or left it to do)."""
    value, is_done = page.evaluate(PASTE, [html, text, list(files)])
    return value, is_done


def test_recorded_clipboards_and_attacks(visit: Visit) -> None:
    begin(visit)
    page = visit.page
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for recorded in sorted(CLIPBOARD.glob("*.html")):
        pasted, _ = paste(page, recorded.read_text(), "plain")
        assert pasted == recorded.with_suffix(".md").read_text().rstrip("\n"), recorded.name
        assert visible_tags(pasted) == []
        has_own_pictures = recorded.name.startswith("word")
        assert ("Pictures can’t be pasted" in page.locator("#trouble").text_content()) == (
            has_own_pictures
        )

    # A spreadsheet also puts a picture of the cells on the clipboard: the table is wanted.
    sheet = (CLIPBOARD / "spreadsheet.html").read_text()
    assert paste(page, sheet, "plain", "cells.png")[0].startswith("| Month")
    assert not page.locator("#picture_dialog").is_visible()
    # A picture alone is uploaded, and described first.
    paste(page, '<img src="https://example.org/a.png">', "", "a.png")
    expect(page.locator("#picture_dialog")).to_be_visible()
    page.keyboard.press("Escape")
    # Text without formatting is left to the browser.
    assert paste(page, "<span style='color:red'>plain</span>", "plain") == ("", False)

    for attack in ATTACKS:
        paste(page, f"<b>x</b> {attack}", attack)
        paste(page, f"<table><tr><td>{attack}</td><td>x</td></tr></table>", attack)
    page.wait_for_timeout(500)
    assert dialogs == []
    assert visit.faults == []
