"""Nothing typed is lost, whatever becomes of the tab, the session and the network."""

import re

import pytest
from playwright.sync_api import Page, expect

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit
from tests.browser.test_desk import ADD, begin

pytestmark = pytest.mark.browser


@pytest.fixture
def writing(visit: Visit) -> Page:
    begin(visit)
    visit.page.get_by_label("Body").fill("First words.")
    expect(visit.page.locator("#saved")).to_contain_text("Saved")
    expect(visit.page).to_have_url(re.compile(r"/\d+/change/$"))
    return visit.page


def body(page: Page):
    return page.get_by_label("Body")


def stored(visit: Visit) -> str:
    pk = re.search(r"/(\d+)/change/", visit.page.url)[1]
    (found,) = visit.site.sql(f"SELECT body FROM newsletters_issue WHERE id = {pk}")
    return found[0]


def copies(page: Page) -> int:
    mine = "Object.keys(localStorage).filter((one) => one.startsWith('mailroom-draft:')).length"
    return page.evaluate(mine)


def test_an_expired_session_asks_to_sign_in_and_goes_on(visit: Visit, writing: Page) -> None:
    writing.context.clear_cookies()
    body(writing).fill("Written without a session.")
    expect(writing.locator("#trouble")).to_contain_text("Your session has expired")
    visit.look("autosave-expired")
    writing.get_by_role("button", name="Test…").click()  # leads nowhere, and loses nothing
    expect(body(writing)).to_have_value("Written without a session.")
    assert stored(visit) == "First words."

    with writing.context.expect_page() as opened:
        writing.get_by_role("link", name="Sign in").click()
    window = Visit(opened.value, visit.site)
    window.page.locator("[name=login], [name=username]").first.fill("admin@example.com")
    window.page.locator("[name=password]").first.fill(PASSWORD)
    window.page.keyboard.press("Enter")
    expect(window.page.get_by_text("You are signed in again")).to_be_visible()
    window.page.close()

    expect(writing.locator("#saved")).to_contain_text("Saved")
    expect(writing.locator("#trouble")).to_be_empty()
    assert stored(visit) == "Written without a session."
    assert copies(writing) == 0


def test_another_user_does_not_take_over_the_text(visit: Visit, writing: Page) -> None:
    writing.context.clear_cookies()
    body(writing).fill("Mine alone.")
    expect(writing.locator("#trouble")).to_contain_text("Your session has expired")
    visit.site.shell(
        "from django.contrib.auth import get_user_model as g;"
        "from allauth.account.models import EmailAddress as E;"
        f"u = g().objects.create_superuser('other@example.com', '{PASSWORD}');"
        "E.objects.get_or_create(user=u, email=u.email, verified=True, primary=True)"
    )
    window = Visit(writing.context.new_page(), visit.site)
    window.log_in("other@example.com", PASSWORD).page.wait_for_url("**/accounts/**")
    expect(writing.locator("#trouble")).to_contain_text("Another user has signed in")
    assert stored(visit) == "First words."
    window.go(ADD)
    expect(window.page.get_by_label("Body")).to_have_value("")
    expect(window.page.locator("#trouble")).to_be_empty()


def test_a_network_that_is_down_loses_nothing(visit: Visit, writing: Page) -> None:
    writing.context.set_offline(True)
    body(writing).fill("Written offline.")
    expect(writing.locator("#trouble")).to_contain_text("The server can’t be reached")
    assert copies(writing) == 1
    writing.get_by_role("button", name="Publish…").click()
    expect(body(writing)).to_have_value("Written offline.")

    writing.context.set_offline(False)
    expect(writing.locator("#saved")).to_contain_text("Saved")
    assert stored(visit) == "Written offline."
    assert copies(writing) == 0


def test_a_tab_that_closes_offline_gives_its_text_back(visit: Visit, writing: Page) -> None:
    address, context = writing.url, writing.context
    context.set_offline(True)
    body(writing).fill("Written just before the crash.")
    writing.close(run_before_unload=False)

    page = context.new_page()
    page.set_default_timeout(60_000)
    context.set_offline(False)
    page.goto(address)
    expect(page.locator("#trouble")).to_contain_text("was never saved")
    page.get_by_role("button", name="Restore it").click()
    expect(body(page)).to_have_value("Written just before the crash.")
    expect(page.locator("#saved")).to_contain_text("Saved")
    assert copies(page) == 0


def test_a_tab_that_closes_while_one_types_loses_five_seconds_at_most(
    visit: Visit, writing: Page
) -> None:
    address = writing.url
    for n in range(12):
        body(writing).press_sequentially(f" {n}")
        writing.wait_for_timeout(500)
    (found,) = visit.site.sql("SELECT body FROM newsletters_issue ORDER BY id DESC LIMIT 1")
    assert found[0].startswith("First words. 0 1")  # saved without a pause in the typing
    context = writing.context
    writing.close(run_before_unload=False)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    if page.get_by_role("button", name="Restore it").count():
        page.get_by_role("button", name="Restore it").click()
    expect(body(page)).to_have_value(re.compile(r"^First words\. 0 1 .* 11$"))


def test_leaving_with_unsaved_text_asks_first(visit: Visit, writing: Page) -> None:
    asked = []
    writing.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    writing.context.set_offline(True)
    body(writing).press_sequentially(" More.")
    writing.context.set_offline(False)
    visit.go("/admin/")
    assert asked == ["beforeunload"]


def test_signing_out_deletes_what_the_browser_kept(visit: Visit, writing: Page) -> None:
    address = writing.url
    writing.context.set_offline(True)
    body(writing).fill("A secret.")
    assert copies(writing) == 1
    context = writing.context
    writing.close(run_before_unload=False)
    context.set_offline(False)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(visit.site.url + "/admin/")
    assert copies(page) == 1
    page.locator("#logout-form button").click()
    page.wait_for_load_state("load")
    assert copies(page) == 0
    visit.page = page
    visit.log_in("admin@example.com", PASSWORD).go(address)
    expect(body(page)).to_have_value("First words.")


def test_two_tabs_of_one_editor_overwrite_nothing(visit: Visit, writing: Page) -> None:
    second = writing.context.new_page()
    second.set_default_timeout(60_000)
    second.goto(writing.url)
    body(second).fill("From the second tab.")
    expect(second.locator("#saved")).to_contain_text("Saved")
    body(writing).fill("From the first tab.")
    expect(writing.locator("#trouble")).to_contain_text("saved this draft in another window")
    assert stored(visit) == "From the second tab."

    writing.get_by_role("button", name="Compare and decide").click()
    expect(writing.get_by_text("-From the second tab.")).to_be_visible()
    writing.get_by_role("button", name="Save", exact=True).click()
    expect(writing.get_by_text("was changed successfully")).to_be_visible()
    assert stored(visit) == "From the first tab."
