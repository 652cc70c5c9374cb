"""The pages about oneself in a real browser, and once without a mouse."""

import uuid

import pytest
from playwright.sync_api import Page, expect

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

MOST_STOPS = 60  # a page with more places to stop at is not for keyboards

NEWCOMER = """
from accounts.models import User
from allauth.account.models import EmailAddress
user = User.objects.create_user('{email}', '{password}', name='Noor')
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
"""


@pytest.fixture
def newcomer(visit: Visit) -> Visit:
    """Somebody who was told nothing yet, and chose nothing."""
    email = f"{uuid.uuid4().hex}@example.com"
    visit.site.shell(NEWCOMER.format(email=email, password=PASSWORD))
    return visit.log_in(email, PASSWORD)


def test_the_profile_is_saved(newcomer: Visit) -> None:
    newcomer.go("/accounts/profile/").look("profile-of-a-newcomer")
    newcomer.page.get_by_label("Time zone").select_option("Asia/Kolkata")
    newcomer.page.get_by_label("Name").fill("Noor Kaur")
    newcomer.press("Save").look("profile-saved")
    expect(newcomer.page.get_by_text("Your profile is saved.")).to_be_visible()
    expect(newcomer.page.get_by_label("Time zone")).to_have_value("Asia/Kolkata")


def test_the_inbox_is_empty_and_says_so(newcomer: Visit) -> None:
    newcomer.go("/notifications/").look("inbox-empty")
    expect(newcomer.page.get_by_text("No notifications yet.")).to_be_visible()
    newcomer.page.get_by_label("Show").select_option("Unread")
    newcomer.press("Filter")
    expect(newcomer.page.get_by_text("You have read everything.")).to_be_visible()
    newcomer.look("inbox-nothing-unread")


def test_preferences_are_chosen(newcomer: Visit) -> None:
    newcomer.go("/notifications/preferences/").look("preferences")
    group = newcomer.page.get_by_role("group", name="Announcements")
    group.get_by_label("Not at all").check()
    newcomer.press("Save").look("preferences-saved")
    expect(group.get_by_label("Not at all")).to_be_checked()


@pytest.mark.parametrize("language", ["fr", "pa"])
def test_the_language_is_switched(visit: Visit, language: str) -> None:
    visit.go("/accounts/login/")
    visit.page.locator(f"button[name=language][value={language}]").first.click()
    expect(visit.page.locator("html")).to_have_attribute("lang", language)
    visit.look(f"log-in-in-{language}")


class Keyboard:
    """Nothing but Tab, Enter, the space bar, arrows and letters."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def tab_to(self, selector: str) -> "Keyboard":
        for _ in range(MOST_STOPS):
            self.page.keyboard.press("Tab")
            # Not ":focus": it doesn't match while the calendar inside a date's field has it.
            stop = self.page.evaluate_handle("document.activeElement").as_element()
            if stop.evaluate("(e, selector) => e.matches(selector)", selector):
                assert is_visible_focus(stop), f"{selector} shows no focus"
                return self
        raise AssertionError(f"{selector} is not reached by Tab")

    def type(self, text: str) -> "Keyboard":
        self.page.keyboard.type(text)
        return self

    def press(self, key: str) -> "Keyboard":
        self.page.keyboard.press(key)
        return self


def is_visible_focus(stop) -> bool:
    style = "e => [getComputedStyle(e).outlineStyle, getComputedStyle(e).boxShadow]"
    outline, shadow = stop.evaluate(style)
    return outline != "none" or shadow != "none"


@pytest.mark.parametrize("width", [1280, 375])
def test_all_of_it_by_keyboard(visit: Visit, width: int) -> None:
    email = f"keys-{width}@example.com"
    visit.site.shell(NEWCOMER.format(email=email, password=PASSWORD))
    visit.page.set_viewport_size({"width": width, "height": 900})
    keyboard = Keyboard(visit.page)

    visit.go("/accounts/login/")
    keyboard.tab_to(".skip-link").press("Enter")
    keyboard.tab_to("[name=login]").type(email).tab_to("[name=password]").type(PASSWORD)
    keyboard.press("Enter")
    expect(visit.page).to_have_url(visit.site.url + "/accounts/profile/")

    visit.go("/accounts/profile/")
    keyboard.tab_to("[name=name]").press("Control+a").type("Noor by keys")
    keyboard.tab_to("main button[type=submit]").press("Enter")
    expect(visit.page.get_by_text("Your profile is saved.")).to_be_visible()

    visit.go("/notifications/preferences/")
    keyboard.tab_to("[name=new_issue]").press("ArrowDown")
    keyboard.tab_to("main button[type=submit]").press("Enter")
    expect(visit.page.get_by_text("Your choices are saved.")).to_be_visible()
    expect(visit.page.locator("[name=new_issue][value=off]")).to_be_checked()

    visit.go("/notifications/")
    keyboard.tab_to("[name=show]").press("ArrowDown").tab_to("main form button").press("Enter")
    expect(visit.page.get_by_text("You have read everything.")).to_be_visible()

    keyboard.tab_to("button[name=language][value=fr]").press("Enter")
    expect(visit.page.locator("html")).to_have_attribute("lang", "fr")
