"""Writing, previewing and testing an issue in a real browser."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from site_config.demo.people import PASSWORD
from tests.browser.conftest import Visit
from tests.processes import Site

pytestmark = pytest.mark.browser

FRAME = "iframe.desk-frame:not(.desk-fresh)"
ADD = "/admin/newsletters/issue/add/"


def begin(visit: Visit, slug: str) -> None:
    visit.log_in("admin@example.com", PASSWORD)
    page = visit.go(ADD).page
    page.get_by_label("Newsletter").select_option(label="The Mailroom Letter")
    page.get_by_label("Subject").fill("The week")
    page.get_by_label("Slug").fill(slug)


def frame(page: Page):
    return page.frame_locator(FRAME)


def picture() -> dict[str, object]:
    out = io.BytesIO()
    Image.new("RGB", (1600, 700), "steelblue").save(out, "PNG")
    return {"name": "harbour.png", "mimeType": "image/png", "buffer": out.getvalue()}


def test_the_mail_is_shown_beside_the_text_as_one_types(visit: Visit) -> None:
    begin(visit, "as-one-types")
    page = visit.page
    page.get_by_label("Body").press_sequentially("Hello {name}, **this** is new.")
    expect(frame(page).get_by_text("Hello Ada Lovelace, this is new.")).to_be_visible()
    expect(page.locator("#checks")).to_contain_text("people would get it")
    visit.look("desk-writing")

    page.get_by_label("Body").fill("Fine.\n\nHello {nane}")
    expect(frame(page).get_by_text("Line 3: there is no placeholder {nane}")).to_be_visible()
    visit.look("desk-fault")

    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_label("Body").fill("Hello {name}")
    page.get_by_label("Headers").check()
    expect(frame(page).get_by_text("List-Unsubscribe-Post")).to_be_visible()
    page.get_by_label("Mobile").check()
    expect(page.locator(FRAME)).to_have_css("width", "375px")


def test_a_picture_is_uploaded_and_put_at_the_cursor(visit: Visit) -> None:
    begin(visit, "with-a-picture")
    page = visit.page
    page.get_by_label("Body").fill("Before")
    page.get_by_text("Add a picture").click()
    page.get_by_label("Picture", exact=True).set_input_files(picture())
    page.get_by_label("What it shows").fill("The harbour [at dawn]")
    visit.press("Upload")
    visit.press("Put it at the cursor")

    shown = frame(page).get_by_role("img", name="The harbour [at dawn]")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.naturalWidth") == 1200
    visit.look("desk-picture")


def test_it_is_saved_tested_and_the_test_remembered(visit: Visit) -> None:
    begin(visit, "tested")
    visit.page.get_by_label("Body").fill("Hello {name}, [read on]({web_url}).")
    visit.press("Save, then test it").look("desk-preview")
    visit.page.get_by_label("Send a test to").fill("colleague@example.com")
    visit.press("Send test")
    expect(visit.page.get_by_text("What it says now")).to_be_visible()
    visit.look("desk-tested")

    preview = visit.page.url
    text = visit.mail("[Test] The week", "colleague@example.com")
    assert "read on (" in text
    visit.go(preview.replace("preview", "change")).page.get_by_label("Body").fill("Something else")
    visit.press("Save, then test it")
    expect(visit.page.get_by_text("An earlier text")).to_be_visible()
    visit.go(preview.replace("preview", "publish")).look("desk-publish")
    expect(visit.page.get_by_text("It was changed since the last test.")).to_be_visible()


def test_by_keyboard_alone(visit: Visit) -> None:
    begin(visit, "by-keyboard")
    page = visit.page
    page.get_by_label("Body").focus()
    page.keyboard.type("Typed, {name}.")
    tab_to(page, "look")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(frame(page).locator("pre")).to_contain_text("Typed, Ada Lovelace.")
    tab_to(page, "_preview")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/preview/$"))
    tab_to(page, "addresses")
    page.keyboard.press("Enter")
    expect(page.get_by_text("A test is on its way to admin@example.com.")).to_be_visible()


def tab_to(page: Page, name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.name") == name:  # none while a page loads
            return
    raise AssertionError(f"{name} can't be reached by the keyboard")


def test_without_javascript(browser: Browser, demo: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    visit = Visit(page, demo)
    begin(visit, "without-script")
    page.get_by_label("Body").fill("Hello {name}, plain.")
    page.get_by_role("button", name="Preview").click()
    expect(frame(page).get_by_text("Hello Ada Lovelace, plain.")).to_be_visible()
    page.screenshot(path="var/screenshots/desk-without-script.png", full_page=True)

    page.get_by_text("Add a picture").click()
    page.get_by_label("Picture", exact=True).set_input_files(picture())
    with context.expect_page() as opened:
        page.get_by_role("button", name="Upload").click()
    markup = opened.value.get_by_label("Put this where it should stand").input_value()
    assert markup.startswith(f"![]({demo.url}/newsletters/pictures/")
    opened.value.screenshot(path="var/screenshots/desk-picture-without-script.png")

    page.get_by_label("Body").fill(f"Hello {{name}}\n\n{markup}")
    page.get_by_role("button", name="Save, then test it").click()
    page.get_by_role("button", name="Send test").click()
    expect(page.get_by_text("A test is on its way")).to_be_visible()
    expect(page.get_by_text("an image has no text")).to_be_visible()
    context.close()
