"""Writing, previewing and testing an issue in a real browser."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit
from tests.processes import Site

pytestmark = pytest.mark.browser

FRAME = "iframe.desk-frame:not(.desk-fresh)"
ADD = "/admin/newsletters/issue/add/"


def begin(visit: Visit) -> None:
    visit.log_in("admin@example.com", PASSWORD)
    page = visit.go(ADD).page
    page.get_by_label("Newsletter").select_option(label="The Mailroom Letter")
    page.get_by_label("Subject").fill("The week")


def frame(page: Page):
    return page.frame_locator(FRAME)


def picture() -> dict[str, object]:
    out = io.BytesIO()
    Image.new("RGB", (1600, 700), "steelblue").save(out, "PNG")
    return {"name": "harbour.png", "mimeType": "image/png", "buffer": out.getvalue()}


def test_the_mail_is_shown_beside_the_text_as_one_types(visit: Visit) -> None:
    begin(visit)
    page = visit.page
    page.get_by_label("Body").press_sequentially("Hello {name}, **this** is new.")
    expect(frame(page).get_by_text("Hello Ada Lovelace, this is new.")).to_be_visible()
    expect(page.locator("#checks")).to_contain_text("people would get it")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.get_by_role("button", name="Test…").bounding_box()["y"] < 800
    assert page.get_by_role("button", name="Publish…").bounding_box()["y"] < 800
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
    page.get_by_label("Dark").check()
    expect(frame(page).locator("td.text")).to_have_css("color", "rgb(223, 227, 238)")
    page.get_by_label("Desktop").check()
    expect(page.locator(FRAME)).to_have_css("width", "640px")
    expect(frame(page).locator("td.text")).to_have_css("color", "rgb(34, 40, 58)")


def test_a_picture_is_chosen_described_and_put_at_the_cursor(visit: Visit) -> None:
    begin(visit)
    page = visit.page
    page.get_by_label("Body").fill("Before")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Picture", exact=True).click()
    chooser.value.set_files(picture())
    page.get_by_label("Alt text, for readers").fill("The harbour [at dawn]")
    visit.look("desk-picture-alt")
    visit.press("Insert")

    shown = frame(page).get_by_role("img", name="The harbour [at dawn]")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.naturalWidth") == 1200
    expect(page.get_by_label("Body")).to_have_value(re.compile(r"^Before\n\n!\[The harbour"))
    visit.look("desk-picture")


def test_a_picture_that_is_none_is_refused_with_the_reason(visit: Visit) -> None:
    begin(visit)
    page = visit.page
    file = {"name": "fake.png", "mimeType": "image/png", "buffer": b"<svg onload='alert(1)'/>"}
    page.locator("#picture_file").set_input_files(file)
    visit.press("Insert")
    expect(page.locator("#trouble")).to_contain_text("fake.png was not uploaded")


def test_toolbar_and_shortcuts_write_markdown(visit: Visit) -> None:
    begin(visit)
    page, body = visit.page, visit.page.get_by_label("Body")
    body.fill("word")
    body.select_text()
    page.keyboard.press("Control+b")
    expect(body).to_have_value("**word**")
    body.fill("word")
    body.select_text()
    page.keyboard.press("Control+i")
    expect(body).to_have_value("_word_")
    body.fill("word")
    body.select_text()
    page.keyboard.press("Control+k")
    expect(body).to_have_value("[word](url)")
    body.fill("one")
    page.get_by_role("button", name="Bulleted list").click()
    expect(body).to_have_value("- one")
    body.fill("")
    page.get_by_role("button", name="Button", exact=True).click()
    page.keyboard.type("https://example.com/")
    expect(body).to_have_value('[Read more](https://example.com/ "button")\n')
    body.fill("the web")
    body.select_text()
    page.locator("#placeholder").select_option("{web_url}")
    expect(body).to_have_value("[the web]({web_url})")
    page.keyboard.press("Control+s")
    expect(page.locator("#saved")).to_contain_text("Saved")


def test_it_is_saved_tested_and_the_test_remembered(visit: Visit) -> None:
    begin(visit)
    visit.page.get_by_label("Body").fill("Hello {name}, [read on]({web_url}).")
    visit.press("Test…").page.wait_for_url("**/preview/")
    visit.look("desk-preview")
    visit.page.get_by_label("Send a test to").fill("colleague@example.com")
    visit.press("Send test")
    expect(visit.page.get_by_text("Current text")).to_be_visible()
    visit.look("desk-tested")

    preview = visit.page.url
    text = visit.mail("[Test] The week", "colleague@example.com")
    assert "read on (" in text
    visit.go(preview.replace("preview", "change")).page.get_by_label("Body").fill("Something else")
    visit.press("Test…")
    expect(visit.page.get_by_text("Earlier text")).to_be_visible()
    visit.go(preview.replace("preview", "publish")).look("desk-publish")
    expect(visit.page.get_by_text("It was changed since the last test.")).to_be_visible()


def test_by_keyboard_alone(visit: Visit) -> None:
    begin(visit)
    page = visit.page
    page.get_by_label("Body").focus()
    page.keyboard.type("Typed, {name}.")
    tab_to(page, "look")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(frame(page).locator("pre")).to_contain_text("Typed, Ada Lovelace.")
    page.get_by_label("Subject").focus()
    tab_to(page, "_preview", key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/preview/$"))
    tab_to(page, "addresses")
    page.keyboard.press("Enter")
    expect(page.get_by_text("A test is on its way to admin@example.com.")).to_be_visible()


def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    for _ in range(60):
        page.keyboard.press(key)
        if page.evaluate("document.activeElement?.name") == name:  # none while a page loads
            return
    raise AssertionError(f"{name} can't be reached by the keyboard")


def test_without_javascript(browser: Browser, demo: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    visit = Visit(page, demo)
    begin(visit)
    page.get_by_label("Body").fill("Hello {name}, plain.")
    page.get_by_role("button", name="Preview").click()
    expect(frame(page).get_by_text("Hello Ada Lovelace, plain.")).to_be_visible()

    page.locator("summary", has_text="Add a picture").click()
    page.get_by_label("Picture", exact=True).set_input_files(picture())
    with context.expect_page() as opened:
        page.get_by_role("button", name="Upload").click()
    markup = opened.value.get_by_label("Copy this into the text").input_value()
    assert markup.startswith(f"![]({demo.url}/newsletters/pictures/")

    page.get_by_label("Body").fill(f"Hello {{name}}\n\n{markup}")
    page.get_by_role("button", name="Test…").click()
    page.get_by_role("button", name="Send test").click()
    expect(page.get_by_text("A test is on its way")).to_be_visible()
    expect(page.get_by_text("an image has no alt text")).to_be_visible()
    context.close()
