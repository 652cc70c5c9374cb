"""Error pages say what happened and show nothing of the inside."""

from logging.config import dictConfig

import pytest
from django.core import mail
from django.test import Client

from site_config import logs
from tests.site_config.page import Page


@pytest.fixture
def visitor(settings) -> Client:
    settings.ROOT_URLCONF = "tests.site_config.urls"
    return Client(raise_request_exception=False)


def assert_error_page(response, status: int, heading: str) -> None:
    page = Page(response.content.decode())
    assert response.status_code == status
    assert heading in page.text
    assert "secret detail" not in page.text
    assert "/" in page.links
    assert page.blocked == []
    assert response.headers["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status", "heading"),
    [
        ("/fail/400/", 400, "Bad request"),
        ("/fail/403/", 403, "You don’t have access to this page"),
        ("/no/such/page/", 404, "Page not found"),
    ],
)
def test_what_is_not_possible_is_explained(visitor, path, status, heading):
    assert_error_page(visitor.get(path), status, heading)


# No django_db: a query would raise, as with a database that is down.
def test_a_fault_of_ours_is_explained_without_the_database(visitor):
    response = visitor.get("/fail/500/")

    assert_error_page(response, 500, "Something went wrong")
    assert "· Mailroom" in response.content.decode()


def test_a_fault_of_ours_is_explained_in_the_visitors_language(visitor):
    response = visitor.get("/fail/500/", headers={"accept-language": "fr"})

    assert '<html lang="fr"' in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [False, True])
def test_a_report_shows_no_secret_of_the_request(visitor, settings, debug):
    """Neither the email to ADMINS nor the page with DEBUG."""
    settings.DEBUG, settings.ADMINS, settings.ERROR_EMAIL_STATE = debug, ["boss@example.com"], None
    dictConfig(logs.logging_config(debug=False))
    logs.forget_errors()
    visitor.cookies.load({"sessionid": "canary-1", "csrftoken": "canary-2", "other": "canary-3"})
    form = {"password": "canary-4", "code": "canary-5", "credential": "canary-6", "next": "/"}
    headers = {"Authorization": "Bearer canary-7", "Referer": "https://x.test/?key=canary-8"}
    page = "/fail/with/secrets/?key=canary-9&code=canary-10"

    answer = visitor.post(page, form, headers=headers)

    dictConfig(logs.logging_config(debug=True))
    report = answer.text if debug else mail.outbox[0].subject + mail.outbox[0].body
    assert "fail_with_secrets" in report
    assert "canary" not in report


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [False, True])
def test_a_body_that_can_not_be_read_is_a_bad_request(visitor, settings, debug):
    settings.DEBUG = debug
    form = "application/x-www-form-urlencoded; charset=latin-1"

    assert visitor.post("/accounts/login/", "login=x", content_type=form).status_code == 400


@pytest.mark.django_db
def test_an_expired_form_is_explained(settings):
    strict = Client(enforce_csrf_checks=True)

    response = strict.post("/i18n/setlang/", {"language": "fr"})

    assert_error_page(response, 403, "This form has expired")


@pytest.mark.django_db
def test_a_forged_host_is_refused_with_a_page(visitor):
    response = visitor.get("/", headers={"host": "evil.example"})

    assert_error_page(response, 400, "Bad request")
