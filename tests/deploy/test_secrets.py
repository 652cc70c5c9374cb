"""Canaries in the environment: none is seen in a log, a page or a mail about an error."""

import json
import re

import pytest

from tests.deploy.conftest import PASSWORD, Production
from tests.deploy.test_production import PASSWORD as PERSONS
from tests.deploy.test_production import STAFF
from tests.processes import until

pytestmark = [pytest.mark.postgres, pytest.mark.proxy]

KEY = "/accounts/password/reset/key/1-canary-token-0123456789abcdef0123456789/"


@pytest.fixture(scope="module")
def canaries(production: Production) -> list[str]:
    return [production.environment["SECRET_KEY"], "canary-hook-password", PASSWORD, PERSONS]


@pytest.fixture(scope="module")
def editor(production: Production):
    production.shell(STAFF.replace("editor@", "secretary@"))
    visitor = production.visitor("127.0.0.31")
    visitor.log_in("secretary@site.test", PERSONS)
    return visitor


def test_no_page_shows_one(production: Production, editor, canaries):
    index = editor.get("/admin/").text
    pages = sorted({"/admin/", "/mail/status/", *re.findall(r'href="(/admin/\w+/\w+/)"', index)})
    assert len(pages) > 10

    for page in [*pages, "/none/", KEY, "/mail/webhooks/postmark/tracking/"]:
        text = editor.get(page).text
        assert [canary for canary in canaries if canary in text] == [], page


def test_no_error_shows_one(production: Production, canaries):
    """A page that fails, with a token in its address and a password in its form."""
    production.sql("ALTER TABLE newsletters_newsletter RENAME TO gone")
    try:
        visitor = production.visitor("127.0.0.32")
        url = f"{production.url}/newsletters/?next={KEY}"
        answer = visitor.session.get(url, headers={"Referer": production.url + KEY}, timeout=30)
    finally:
        production.sql("ALTER TABLE gone RENAME TO newsletters_newsletter")

    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    until(lambda: told(production, "Internal Server Error: /newsletters/"), "a mail to ADMINS")
    (mail, *_) = told(production, "Internal Server Error: /newsletters/")
    for text in (answer.text, mail):
        assert [canary for canary in [*canaries, "canary-token"] if canary in text] == []


def told(production: Production, subject: str) -> list[str]:
    return [
        one.mail.get_content()
        for one in production.mail.received
        if one.recipients == ["boss@site.test"] and subject in one.mail["Subject"]
    ]


def test_no_line_of_the_log_shows_one(production: Production, canaries):
    production.visitor("127.0.0.33").get(KEY)

    log = production.log
    assert [canary for canary in [*canaries, "canary-token"] if canary in log] == []
    for mail in (one.mail for one in production.mail.received):
        for link in re.findall(r"https://\S+/([^/\s]{24,})/", mail.as_string()):
            assert link not in log


def test_the_log_is_json_and_ties_a_page_to_its_access(production: Production):
    answer = production.get("/accounts/login/")

    def mine() -> list[str]:
        lines = [json.loads(line) for line in production.log.splitlines()]
        given = answer.headers["X-Request-ID"]
        return [line["message"] for line in lines if line.get("request_id") == given]

    until(mine, "the line of the access")
    assert mine() == ["GET /accounts/login/ 200"]
