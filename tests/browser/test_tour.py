"""The README's tour of bin/demo: three providers on this machine, and a site with a past."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit, link_in
from tests.processes import Site

pytestmark = pytest.mark.browser

OWN_PASSWORD = "correct-horse-42"
# A fifth of the issue goes through Mailgun, which reports complaints: with so many more addresses
# that complain, there is one among them.
COMPLAINING = """
from newsletters.models import Newsletter, Subscription
Subscription.objects.bulk_create(
    Subscription(newsletter=Newsletter.objects.get(slug="mailroom-letter"), state="confirmed",
                 email=f"complaint+more{n}@example.com") for n in range(100))
"""
PAGES = {
    "home": "/",
    "inbox": "/inbox/",
    "email": "",  # the first one in the inbox
    "previews": "/inbox/previews/",
    "preview": "/inbox/previews/newsletters.issue/",
    "sandbox": "/sandbox/",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site with the settings and the data that bin/demo gives it, but shorter waits."""
    site = Site(tmp_path_factory.mktemp("tour"))
    site.set_up_demo()
    site.environment["MAIL_BREAKER_SECONDS"] = "2"
    site.shell(COMPLAINING)
    with site.running(sandbox=True):
        yield site


@pytest.fixture
def staff(visit: Visit) -> Visit:
    return visit.log_in("admin@example.com", PASSWORD)


@pytest.fixture
def visitor(visit: Visit, browser: Browser) -> Iterator[Visit]:
    """Someone else, in a browser of their own."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    yield Visit(context.new_page(), visit.site)
    context.close()


def provider_in_inbox(page: Page, subject: str, address: str) -> str:
    row = page.locator("table.emails tr", has_text=subject).filter(has_text=address).first
    return row.locator(".postmark").text_content() or ""


def behave(staff: Visit, alias: str, mode: str) -> None:
    """Choose on the sandbox's page how a provider behaves."""
    staff.go("/sandbox/")
    form = staff.page.locator("form", has=staff.page.locator(f"[value='{alias}']"))
    form.locator("select").select_option(mode)
    form.get_by_role("button").click()


def ask_for_reset(visitor: Visit) -> None:
    visitor.go("/accounts/password/reset/").fill_in("Reset", email="reader@example.com")


def test_1_the_home_page_names_the_providers_of_each_channel(visit: Visit) -> None:
    visit.go("/")
    shown = visit.page.locator("#providers-password_reset, #providers-newsletters")

    expect(shown.first).to_contain_text(re.compile(r"first\s+Postmark.*then\s+SMTP", re.DOTALL))
    expect(shown.last).to_contain_text(re.compile(r"80 %\s+SMTP.*20 %\s+Mailgun", re.DOTALL))
    expect(visit.page.locator("#counts-newsletters")).to_contain_text(re.compile(r"Sent\s*205"))


def test_2_somebody_signs_up_and_confirms_through_smtp(visit: Visit) -> None:
    visit.go("/accounts/signup/").fill_in(
        "Sign up",
        name="Zoë",
        email="zoe@example.com",
        password1=OWN_PASSWORD,
        password2=OWN_PASSWORD,
    )
    text = visit.mail("Confirm your address", "zoe@example.com")
    visit.go("/inbox/")
    assert provider_in_inbox(visit.page, "Confirm your", "zoe@example.com").startswith("smtp")
    visit.go(link_in(text, "confirm-email")).press("Confirm")

    expect(visit.page).to_have_url(re.compile("/accounts/profile/"))


def test_3_a_reset_takes_the_other_provider_while_postmark_is_down(
    staff: Visit, visitor: Visit
) -> None:
    page = staff.page
    behave(staff, "postmark", "refuse")
    rows = page.locator("table.emails tr", has_text="Set a new password")
    for number in range(1, 4):  # three failures open the breaker
        ask_for_reset(visitor)
        for _ in range(60):
            staff.go("/inbox/")
            if rows.count() == number:
                break
            page.wait_for_timeout(500)
        assert provider_in_inbox(page, "Set a new", "reader@example.com").startswith("smtp")

    rows.last.get_by_role("link").click()
    timeline = page.locator(".timeline")
    expect(timeline).to_contain_text(re.compile(r"postmark refused: .*503", re.DOTALL))
    expect(timeline).to_contain_text("sent through smtp")
    staff.go("/notifications/")
    expect(page.get_by_text(re.compile("postmark", re.IGNORECASE)).first).to_be_visible()

    behave(staff, "postmark", "")  # and recovery
    for number in range(4, 12):
        page.wait_for_timeout(2_000)  # the breaker's rest
        ask_for_reset(visitor)
        for _ in range(60):
            staff.go("/inbox/")
            if rows.count() == number:
                break
            page.wait_for_timeout(500)
        if provider_in_inbox(page, "Set a new", "reader@example.com") == "postmark":
            break
    assert provider_in_inbox(page, "Set a new", "reader@example.com") == "postmark"


def test_4_the_issue_is_published_and_the_providers_report_back(staff: Visit) -> None:
    page = staff.page
    staff.go("/admin/newsletters/issue/").page.get_by_role("link", name="Four kinds").click()
    issue = page.url
    staff.go(issue.replace("change", "publish"))
    page.locator("[name=seen]").first.check()
    staff.press("Publish")
    waited = "delivered", "bounced", "complained"
    for _ in range(120):
        found = staff.site.sql(
            "SELECT DISTINCT kind FROM mailroom_event JOIN mailroom_delivery d"
            " ON d.id = delivery_id JOIN mailroom_message m ON m.id = d.message_id"
            " WHERE m.subject LIKE 'Four kinds%' AND handled_at IS NOT NULL"
        )
        if len(found) >= len(waited):
            break
        page.wait_for_timeout(500)
    staff.go(issue.replace("change", "report")).look("tour-report")
    for word in waited:
        expect(page.get_by_text(word).first).to_be_visible()
    assert {kind for (kind,) in found} >= {"delivered", "hard_bounce", "complained"}

    staff.go("/admin/mailroom/suppression/?q=complaint")
    expect(page.locator("#result_list")).to_contain_text("complaint+")


def test_5_one_of_each_is_followed_until_it_is_delivered(staff: Visit) -> None:
    staff.go("/").press("Send me one of each")
    samples = staff.page.locator("#timelines")

    expect(samples.locator("#sample-registration")).to_contain_text("sent through smtp")
    for channel in ("password_reset", "notifications"):
        expect(samples.locator(f"#sample-{channel} .badge")).to_have_text("delivered")
        expect(samples.locator(f"#sample-{channel} .timeline li").last).to_contain_text("delivered")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_demos_pages_are_accessible_at_every_width(visit: Visit, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for name, address in PAGES.items():
        if name == "email":
            visit.go("/inbox/").page.locator("table.emails a").first.click()
        else:
            visit.go(address)
        if scheme == "light":
            visit.look(f"demo-{name}")
        else:
            found = Axe().run(visit.page)
            assert found.violations_count == 0, f"{name}:\n{found.generate_report()}"


def test_the_inbox_and_the_sandbox_work_by_keyboard(staff: Visit) -> None:
    page = staff.page
    staff.go("/inbox/")
    page.get_by_label("Search").focus()
    page.keyboard.type("no such email")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No email matches.")).to_be_visible()

    staff.go("/sandbox/").page.locator("#mode-1").focus()
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".sandbox-providers .badge").first).to_contain_text("loses them")
    page.locator("#mode-1").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".sandbox-providers .badge").first).to_have_text("works")


def test_they_work_without_javascript(browser: Browser, demo: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(60_000)
    plain = Visit(context.new_page(), demo).log_in("admin@example.com", PASSWORD)
    page = plain.page

    behave(plain, "postmark", "slow")
    expect(page.locator(".sandbox-providers .bad")).to_have_count(1)
    behave(plain, "postmark", "")
    expect(page.locator(".sandbox-providers .bad")).to_have_count(0)
    plain.go("/inbox/").page.get_by_label("Provider").select_option("mailgun:example.com")
    page.get_by_role("button", name="Search").click()
    page.locator("table.emails a").first.click()
    for look in ("Text", "Headers", "Raw", "HTML"):
        page.get_by_role("link", name=look, exact=True).click()
    expect(page.locator("iframe.email-frame")).to_be_visible()
    context.close()
