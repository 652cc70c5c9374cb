"""Behind a TLS proxy, with PostgreSQL and the documented variables alone, people are served."""

import re
from email.message import EmailMessage

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.deploy.conftest import Production
from tests.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.proxy]

PASSWORD = "correct-horse-41"
SUBSCRIBED = """
from newsletters.models import Newsletter, Subscription
harbour = Newsletter.objects.create(name='Harbour', slug='harbour')
Subscription.objects.create(newsletter=harbour, email='reader@people.test').confirm()
"""
STAFF = f"""
from accounts.models import User
from allauth.account.models import EmailAddress
user = User.objects.create_superuser(email='editor@site.test', password='{PASSWORD}')
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
"""


PAGES = ("/", "/newsletters/", "/accounts/login/", "/accounts/signup/", "/notifications/")
PAGES += ("/accounts/profile/", "/accounts/2fa/", "/accounts/sessions/", "/mail/status/", "/none/")


@pytest.fixture(scope="module")
def browser_context_args() -> dict[str, object]:
    return {"ignore_https_errors": True}  # the certificate is of the test's own making


@pytest.fixture
def visit(page: Page, production: Production) -> Visit:
    return Visit(page, production)  # type: ignore[arg-type]


def mail_to(production: Production, address: str, subject: str) -> EmailMessage:
    def found() -> list[EmailMessage]:
        return [
            one.mail
            for one in production.mail.received
            if address in one.recipients and subject in str(one.mail["Subject"])
        ]

    until(found, f"a mail {subject!r} to {address}")
    return found()[-1]


def log_in(visit: Visit, address: str, password: str) -> None:
    visit.page.context.clear_cookies()
    visit.go("/accounts/login/").fill_in("Sign in", login=address, password=password)
    expect(visit.page).to_have_url(f"{visit.site.url}/accounts/profile/")


def link_in(mail: EmailMessage, path: str) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(rf"https?://\S*{path}\S*", body.get_content())
    assert found is not None
    return found[0]


def test_somebody_signs_up_and_resets_a_password(visit: Visit, production: Production):
    address = "ann@people.test"
    visit.go("/accounts/signup/").fill_in(
        "Sign up", name="Ann", email=address, password1=PASSWORD, password2=PASSWORD
    )
    confirm = link_in(mail_to(production, address, "Confirm"), "/accounts/confirm-email/")
    assert confirm.startswith(production.url)
    visit.go(confirm).press("Confirm")

    visit.page.context.clear_cookies()
    visit.go("/accounts/password/reset/").fill_in("Reset", email=address)
    reset = link_in(mail_to(production, address, "new password"), "/accounts/password/reset/key/")
    assert reset.startswith(production.url)
    visit.go(reset).fill_in("Change", password1=PASSWORD + "x", password2=PASSWORD + "x")
    expect(visit.page.get_by_text(re.compile("changed|set", re.IGNORECASE)).first).to_be_visible()

    log_in(visit, address, PASSWORD + "x")
    cookies = {one["name"]: one for one in visit.page.context.cookies()}
    assert cookies["sessionid"]["secure"]
    assert cookies["sessionid"]["httpOnly"]
    assert cookies["csrftoken"]["secure"]
    assert visit.faults == []


@pytest.fixture(scope="module")
def editor(production: Production) -> str:
    production.shell(STAFF)
    return "editor@site.test"


def test_every_page_keeps_to_the_policy_behind_the_proxy(
    visit: Visit, production: Production, editor: str
):
    log_in(visit, editor, PASSWORD)
    index = visit.go("/admin/").page.content()
    lists = sorted(set(re.findall(r'href="(/admin/\w+/\w+/)"', index)))
    forms = re.findall(r'href="(/admin/\w+/\w+/add/)"', index)
    assert len(lists) > 10

    for path in [*PAGES, *lists, *sorted(set(forms))]:
        response = visit.page.goto(production.url + path)
        assert response is not None
        assert response.status == (404 if path == "/none/" else 200), path
        assert visit.faults == [], path


# A minute in which it could be taken back.
GRACE_IS_OVER = """
from django.utils import timezone
from newsletters.models import Issue
Issue.objects.update(publish_at=timezone.now())
"""


def test_an_issue_is_published_from_the_admin(visit: Visit, production: Production, editor: str):
    production.shell(SUBSCRIBED)
    log_in(visit, editor, PASSWORD)
    visit.go("/admin/newsletters/issue/add/")
    visit.page.get_by_label("Newsletter:").select_option(label="Harbour")
    visit.page.locator("[name=subject]").fill("Ships of today")
    visit.page.locator("[name=body]").fill("Good morning {name}, [read](https://example.org/).")
    visit.page.get_by_role("button", name="Save", exact=True).click()
    expect(visit.page.locator(".messagelist .success")).to_be_visible()
    visit.go(visit.page.url.replace("change", "publish")).page.locator("[name=seen]").first.check()
    visit.press("Publish now")
    visit.page.wait_for_url("**/change/")
    production.shell(GRACE_IS_OVER)

    mail = mail_to(production, "reader@people.test", "Ships of today")
    leave = mail["List-Unsubscribe"]
    assert f"<{production.url}/newsletters/unsubscribe/" in leave
    web = visit.page.goto(production.url + "/newsletters/harbour/ships-of-today/")
    assert web is not None
    assert web.status == 200
    assert visit.faults == []


def test_plain_http_is_sent_to_https_once_and_no_further(production: Production):
    plain = requests.get(
        f"http://127.0.0.1:{production.port}/",
        headers={"Host": production.url.removeprefix("https://")},
        allow_redirects=False,
        timeout=30,
    )
    secure = production.get("/", allow_redirects=False)

    assert (plain.status_code, plain.headers["Location"]) == (301, f"{production.url}/")
    assert secure.status_code == 200
    assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]


def test_static_files_are_compressed_and_kept_for_a_year(production: Production):
    page = production.get("/").text
    (path, *_) = re.findall(r'href="(/static/[^"]+\.css)"', page)

    file = production.get(path, headers={"Accept-Encoding": "gzip"})

    assert re.search(r"\.[0-9a-f]{12}\.css$", path)
    assert file.headers["Content-Encoding"] == "gzip"
    assert "max-age=315360000" in file.headers["Cache-Control"]
    assert "immutable" in file.headers["Cache-Control"]
