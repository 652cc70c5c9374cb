"""An editor gives a newsletter its own sender in a real browser, and sees it used."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from playwright.sync_api import Page, expect

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit
from tests.mailroom.fakes.smtp import Script, SMTPServer
from tests.processes import Site, until

pytestmark = pytest.mark.browser

SECRET = "canary-of-the-browser"


@pytest.fixture
def server() -> Iterator[SMTPServer]:
    with SMTPServer(Script(password=SECRET)) as server:
        yield server


@pytest.fixture
def editor(page: Page, tmp_path: Path) -> Iterator[Visit]:
    site = Site(
        tmp_path,
        DEBUG="1",
        VAR_DIR=str(tmp_path / "var"),
        MAIL_ACCOUNT_KEYS=Fernet.generate_key().decode(),
        MAIL_ACCOUNT_LOOPBACK_HOSTS="127.0.0.1",
    )
    site.set_up()
    site.manage("seed_demo")
    page.set_default_timeout(60_000)
    with site.running():
        yield Visit(page, site).log_in("admin@example.com", PASSWORD)


def test_a_newsletter_gets_an_account_of_its_own(editor: Visit, server: SMTPServer) -> None:
    page = editor.page
    expect(page.get_by_text("admin@example.com").first).to_be_visible()
    editor.go("/admin/mailroom/mailaccount/add/").look("account-kinds")
    page.get_by_role("link", name="SMTP", exact=True).click()
    page.select_option("[name=security]", "none")
    editor.look("account-add")
    editor.fill_in(
        "Save and continue",
        name="Our own server",
        host="127.0.0.1",
        port=str(server.port),
        username="letter",
        password=SECRET,
        from_email="The Letter <letter@own.example>",
    )
    editor.press("Send me a test")
    expect(page.get_by_text("accepted a test email to admin@example.com")).to_be_visible()
    assert SECRET not in page.content()
    editor.look("account-change")

    editor.go("/admin/newsletters/newsletter/")
    page.get_by_role("link", name="The Mailroom Letter").click()
    page.select_option("[name=account]", label="Our own server")
    page.get_by_role("button", name="Save", exact=True).click()
    editor.go("/admin/newsletters/issue/").page.get_by_role("link", name="Four kinds").click()
    page.get_by_role("button", name="Publish…").click()
    expect(page.get_by_text("From: The Letter <letter@own.example>")).to_be_visible()
    page.locator("[name=seen]").first.check()
    editor.press("Publish now")
    until(lambda: len(server.received) == 201, "the issue to be sent")

    assert {one.mail["From"] for one in server.received} == {"The Letter <letter@own.example>"}
    editor.go("/mail/status/").look("account-status")
    expect(page.get_by_role("heading", name="Our own server")).to_be_visible()
