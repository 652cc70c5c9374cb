"""Notifications in a real browser: by keyboard, without JavaScript, and by the links in a mail."""

import re

import pytest
from playwright.sync_api import Browser, expect

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit, link_in
from tests.processes import Site

pytestmark = pytest.mark.browser

TELL = """
from accounts.models import User
from notifications.notify import notify
for n in range(3):
    notify(User.objects.get(email="reader@example.com"), "new_issue",
           target="/newsletters/", newsletter="The Weekly Post", subject=f"Letter {n}")
"""


def test_an_announcement_from_draft_to_the_switch_in_its_mail(visit: Visit, demo: Site) -> None:
    page = visit.log_in("admin@example.com", PASSWORD).page
    visit.go("/admin/notifications/announcement/add/")
    visit.fill_in(
        "Save and continue", title="A new carrier", body="All mail goes **twice** as fast."
    )
    page.get_by_role("link", name="Preview").click()
    expect(page.frame_locator("iframe").get_by_text("twice")).to_be_visible()
    visit.look("announcement-preview")
    page.go_back()
    page.get_by_role("link", name="Send…").click()
    visit.look("announcement-send")
    visit.press("Send now")
    expect(page.locator("#progress-title")).to_have_text("Sent")
    visit.look("announcement-sent")

    text = visit.mail("A new carrier", "reader@example.com")
    page.context.clear_cookies()
    visit.go(link_in(text, "/switch/")).look("switch")
    visit.press("Stop these emails")
    expect(page.get_by_role("heading", name="These emails have stopped")).to_be_visible()
    page.get_by_role("link", name="All notification settings").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    visit.go(link_in(text, "/visit/")).look("visit")
    visit.press("Mark as read and open")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    visit.log_in("reader@example.com", PASSWORD).go("/notifications/preferences/")
    expect(page.locator("[name=announcement][value=in-app]")).to_be_checked()
    visit.look("preferences-after-the-switch")


def test_the_inbox_by_keyboard(visit: Visit, demo: Site) -> None:
    demo.shell(TELL)
    page = visit.log_in("reader@example.com", PASSWORD).page
    visit.go("/notifications/").look("notifications")
    first = page.get_by_role("button", name=re.compile("Mark as read.*Letter 2")).first
    first.focus()
    page.keyboard.press("Enter")
    again = page.get_by_role("button", name=re.compile("Mark as unread.*Letter 2")).first
    again.focus()
    page.keyboard.press("Enter")
    page.get_by_label("Show").select_option("read")
    page.get_by_role("button", name="Filter").press("Enter")
    expect(page.get_by_text("Letter 2")).to_have_count(0)
    visit.look("notifications-none-like-that")
    visit.go("/notifications/preferences/")
    page.locator("[name=new_issue][value=in-app]").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("[name=new_issue][value=digest]")).to_be_checked()
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_text("Your choices are saved.")).to_be_visible()
    expect(page.locator("[name=new_issue][value=digest]")).to_be_checked()
    visit.look("preferences-saved")


def test_works_without_javascript(browser: Browser, demo: Site) -> None:
    demo.shell(TELL)
    context = browser.new_context(java_script_enabled=False)
    visit = Visit(context.new_page(), demo)
    page = visit.log_in("reader@example.com", PASSWORD).page
    visit.go("/notifications/")
    page.get_by_role("button", name="Letter 1").first.click()
    expect(page).to_have_url(f"{demo.url}/newsletters/")
    visit.go("/notifications/").press("Mark all as read")
    expect(page.locator(".is-unread")).to_have_count(0)
    visit.go("/notifications/preferences/")
    page.locator("[name=hour]").select_option("17")
    page.locator("[name=announcement][value=off]").check()
    visit.press("Save")
    expect(page.locator("[name=hour]")).to_have_value("17")
    expect(page.locator("[name=announcement][value=off]")).to_be_checked()
    context.close()
