"""The weekly routine, from a blank page to the report, counted in clicks; and an import."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit
from tests.browser.test_desk import frame, picture
from tests.browser.test_pasting import CLIPBOARD

pytestmark = pytest.mark.browser

WIDTHS = (1440, 1280, 768, 375)
MOST_CLICKS = 11
# As Ctrl+V does it, at the cursor.
PASTE = """(html) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/html", html);
    clipboardData.setData("text/plain", "plain");
    const event = new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true});
    document.activeElement.dispatchEvent(event);
}"""


def fits(visit: Visit, name: str) -> None:
    """Fail where the page is wider than the window, and leave it as it was."""
    page, size = visit.page, visit.page.viewport_size
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} px wide at {width}"
    page.set_viewport_size(size)


class Routine:
    """What an editor does, counted in clicks."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.page = visit, visit.page
        self.clicks = 0

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def click(self, control: Locator) -> None:
        self.clicks += 1
        control.click()

    def look(self, name: str, action: Locator) -> None:
        """The next step can be seen at 1280 x 800 without scrolling."""
        self.page.set_viewport_size({"width": 1280, "height": 800})
        self.page.evaluate("window.scrollTo(0, 0)")
        box = action.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 800, name
        fits(self.visit, name)

    def write(self) -> None:
        page, body = self.page, self.page.get_by_label("Body")
        self.click(page.get_by_role("link", name="Add issue"))
        self.clicks += 1
        page.get_by_label("Newsletter").select_option(label="The Mailroom Letter")
        self.click(page.get_by_label("Subject"))
        page.keyboard.type("The week of the harbour fair")
        self.click(body)
        page.keyboard.type("{greeting}\n\nthe fair opens **on Monday**:\n\n")
        page.evaluate(PASTE, (CLIPBOARD / "web-page.html").read_text())
        self.click(self.button("Button"))
        page.keyboard.type("https://www.example.com/fair")
        with page.expect_file_chooser() as chooser:
            self.click(self.button("Picture"))
        chooser.value.set_files(picture())
        page.get_by_label("Alt text, for readers").fill("The harbour at dawn")
        page.keyboard.press("Enter")


def test_from_a_blank_page_to_the_report(visit: Visit) -> None:
    visit.log_in("admin@example.com", PASSWORD).page.wait_for_url("**/")
    page = visit.go("/admin/newsletters/issue/").page
    editor = Routine(visit)
    editor.write()
    expect(frame(page).get_by_role("img", name="The harbour at dawn")).to_be_visible()
    expect(frame(page).locator("table.call-to-action a")).to_have_text("Read more")
    expect(frame(page).locator("td.text th").first).to_be_visible()
    editor.look("writing", editor.button("Test…"))

    editor.click(editor.button("Test…"))
    editor.look("preview", editor.button("Send test"))
    editor.click(editor.button("Send test"))
    expect(page.get_by_text("Current text")).to_be_visible()
    publish, report = (page.get_by_role("link", name=name) for name in ("Publish…", "Report"))
    editor.look("tested", publish)
    editor.click(publish)
    editor.look("publish", editor.button("Publish now"))
    editor.click(editor.button("Publish now"))
    editor.look("published", report)
    editor.click(report)
    expect(page.locator(".report-figures")).to_be_visible()
    fits(visit, "report")
    assert editor.clicks <= MOST_CLICKS
    assert visit.faults == []


def test_a_list_is_imported_and_the_lines_left_out_are_a_file(visit: Visit, tmp_path: Path) -> None:
    visit.log_in("admin@example.com", PASSWORD).page.wait_for_url("**/")
    page = visit.go("/admin/newsletters/subscription/").page
    page.locator(".object-tools").get_by_role("link", name="Import").click()
    page.get_by_label("Newsletter").select_option(label="The Mailroom Letter")
    page.get_by_label("Source of consent").fill("Paper list at the fair")
    file = tmp_path / "members.csv"
    lines = (
        "Email Address,First Name,Last Name,Status",
        "new-one@fair.example,Ada,Lovelace,subscribed",
        "NEW-ONE@fair.example,Ada,Lovelace,subscribed",
        "gone@fair.example,Bob,Babbage,unsubscribed",
        "broken@,Eve,X,subscribed",
    )
    file.write_text("\n".join(lines))
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Email address")).to_have_value("0")
    expect(page.get_by_label("Last name")).to_have_value("2")
    visit.look("import-columns")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Line 5: broken@")).to_be_visible()
    visit.look("import-checked")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert "broken@" in Path(download.value.path()).read_text("utf-8-sig")
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#import-state")).to_have_text("Imported")
    visit.look("import-done")
    stored = "SELECT name, state FROM newsletters_subscription WHERE email LIKE '%@fair.example'"
    assert sorted(visit.site.sql(stored)) == [
        ("Ada Lovelace", "confirmed"),
        ("Bob Babbage", "unsubscribed"),
    ]
