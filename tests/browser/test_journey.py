"""The journey of a reader and of an editor in a real browser, on the site's defaults."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit, link_in
from tests.processes import Site

pytestmark = pytest.mark.browser

OWN_PASSWORD = "correct-horse-42"
NEW_PASSWORD = "battery-staple-43"


def sign_up(visit: Visit, email: str) -> None:
    visit.go("/accounts/signup/").fill_in(
        "Sign up", name="Zoë", email=email, password1=OWN_PASSWORD, password2=OWN_PASSWORD
    )
    text = visit.mail("Confirm your address", email)
    visit.go(link_in(text, "confirm-email")).press("Confirm")


def test_somebody_signs_up_and_confirms_by_the_mail(visit: Visit) -> None:
    visit.go("/").look("home")
    visit.go("/accounts/signup/").look("sign-up")
    visit.fill_in(
        "Sign up",
        name="Zoë Browser",
        email="zoe@example.com",
        password1=OWN_PASSWORD,
        password2=OWN_PASSWORD,
    )
    visit.look("sign-up-done")
    text = visit.mail("Confirm your address", "zoe@example.com")
    visit.go(link_in(text, "confirm-email")).look("confirm-address")
    visit.press("Confirm")

    visit.go("/accounts/profile/").look("profile")  # signed in, in the browser that signed up
    expect(visit.page.get_by_text("zoe@example.com").first).to_be_visible()


def test_somebody_resets_a_password_by_the_mail(visit: Visit) -> None:
    sign_up(visit, "forgetful@example.com")
    visit.page.context.clear_cookies()

    visit.go("/accounts/password/reset/").look("reset")
    visit.fill_in("Reset", email="forgetful@example.com").look("reset-sent")
    text = visit.mail("Set a new password", "forgetful@example.com")
    visit.go(link_in(text, "reset")).look("reset-new-password")
    visit.fill_in("Change", password1=NEW_PASSWORD, password2=NEW_PASSWORD).look("reset-done")
    visit.page.locator("main").get_by_role("link", name="Sign in").click()
    expect(visit.page).to_have_url(visit.site.url + "/accounts/login/")

    visit.log_in("forgetful@example.com", NEW_PASSWORD)
    expect(visit.page).to_have_url(visit.site.url + "/accounts/profile/")
    visit.go("/notifications/").look("notifications")
    expect(visit.page.get_by_text("Your password was reset")).to_be_visible()


def test_somebody_subscribes_and_leaves(visit: Visit) -> None:
    visit.go("/newsletters/").look("newsletters")
    visit.go("/newsletters/changes/").look("newsletter")
    visit.fill_in("Subscribe", email="reader2@example.com").look("subscribed")
    text = visit.mail("Confirm your subscription", "reader2@example.com")
    visit.go(link_in(text, "confirm")).look("confirm-subscription")
    visit.press("Yes").look("subscription-confirmed")


def test_an_editor_publishes_and_everybody_gets_a_letter(visit: Visit) -> None:
    visit.log_in("admin@example.com", PASSWORD)
    visit.go("/admin/newsletters/issue/").page.get_by_role("link", name="Four kinds").click()
    issue = visit.page.url
    visit.go(issue.replace("change", "preview")).look("issue-preview")
    visit.go(issue.replace("change", "publish")).look("issue-publish")
    visit.page.locator("[name=seen]").first.check()
    visit.press("Publish")
    sent = visit.page.get_by_text("200 of 200")
    for _ in range(60):
        if sent.count():
            break
        visit.page.wait_for_timeout(1000)
        visit.go(issue)
    visit.look("issue-sent")

    visit.mail("Four kinds of email", "example")
    mails = int(visit.site.shell(COUNT))
    assert mails == 200
    visit.go("/newsletters/mailroom-letter/four-kinds-of-mail/").look("issue-on-the-web")


def test_staff_look_into_the_outbox(visit: Visit) -> None:
    visit.go("/newsletters/changes/").fill_in("Subscribe", email="curious@example.com")
    visit.mail("Confirm your subscription", "curious@example.com")
    visit.log_in("admin@example.com", PASSWORD)
    visit.go("/admin/mailroom/delivery/?q=curious").look("deliveries")
    visit.page.locator("#result_list tbody th a").first.click()
    visit.page.wait_for_url("**/delivery/*/change/**")
    visit.look("delivery")
    visit.page.get_by_role("link", name="Confirm your").click()
    visit.page.wait_for_url("**/message/*/change/**")
    visit.look("message-erased")
    expect(visit.page.get_by_text("Erased after sending.").first).to_be_visible()


def test_staff_announce_something(visit: Visit) -> None:
    visit.log_in("admin@example.com", PASSWORD)
    visit.go("/admin/notifications/announcement/add/")
    visit.fill_in("Save and continue", title="We moved house", body="Now **twice** as fast.")
    visit.page.get_by_role("link", name="Send…").click()
    visit.look("announcement-send")
    visit.press("Send now")

    visit.mail("We moved house", "reader@example.com")
    visit.go("/notifications/").look("notifications-announcement")
    expect(visit.page.get_by_text("Announcement: We moved house")).to_be_visible()


COUNT = """
from mailroom.models import Delivery
print(Delivery.objects.filter(message__type='newsletters.issue', state='sent').count())
"""


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def stranger(request: pytest.FixtureRequest, browser: Browser, demo: Site) -> Iterator[Visit]:
    """Somebody in Kolkata, with a browser of their own that runs scripts or does not."""
    context = browser.new_context(java_script_enabled=request.param, timezone_id="Asia/Kolkata")
    context.set_default_timeout(60_000)
    yield Visit(context.new_page(), demo)
    context.close()


def test_a_sign_up_is_corrected_resent_and_confirmed(
    stranger: Visit, request: pytest.FixtureRequest
) -> None:
    page, has_scripts = stranger.page, "without" not in request.node.name
    email = f"right-{has_scripts}@example.com".lower()
    stranger.go("/accounts/signup/").fill_in(
        "Sign up", email=f"wrong-{email}", password1=OWN_PASSWORD, password2=OWN_PASSWORD
    )
    expect(page.get_by_text(f"wrong-{email}").first).to_be_visible()
    stranger.fill_in("Correct the address", email=email)
    expect(page.locator("main").get_by_text(email).first).to_be_visible()
    if has_scripts:
        stranger.look("sign-up-corrected")
    stranger.press("Send the email again")
    expect(page.get_by_text(f"We sent an email to {email}").first).to_be_visible()
    link = link_in(stranger.mail("Confirm your address", email), "confirm-email")

    stranger.go(link).press("Confirm")

    expect(page).to_have_url(f"{stranger.site.url}/accounts/profile/")
    zone = page.get_by_label("Time zone").input_value()
    assert zone in ({"Asia/Kolkata", "Asia/Calcutta"} if has_scripts else {"UTC"})
    stranger.go(link)
    expect(page.get_by_role("heading", name="Already confirmed")).to_be_visible()
    if has_scripts:
        stranger.look("sign-up-link-used")
    stranger.go("/accounts/sessions/")
    expect(page.get_by_text("Chrome on Linux")).to_be_visible()
    stranger.press("Sign out")
    expect(page).to_have_url(f"{stranger.site.url}/")
