"""Second factors, passkeys and sessions: allauth's pages in our clothes."""

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from tests.accounts.conftest import PASSWORD, code_of

PAGES = [
    "/accounts/profile/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/",
    "/accounts/2fa/webauthn/add/",
    "/accounts/sessions/",
    "/accounts/logout/",
]


@pytest.fixture
def sure(inside):
    """Ann's client: she proved a moment ago that she is Ann."""
    inside.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return inside


@pytest.mark.parametrize("path", PAGES)
def test_pages_answer(sure, path):
    assert sure.get(path).status_code == 200


@pytest.mark.parametrize("path", [*PAGES, "/accounts/2fa/recovery-codes/"])
def test_pages_are_for_their_owner(client, db, path):
    response = client.get(path, follow=True)
    assert response.redirect_chain[0][0].startswith(("/accounts/login/", "/"))
    assert "profile" not in response.request["PATH_INFO"]


@pytest.mark.django_db(transaction=True)
def test_an_app_is_added_with_a_notice(sure, drain):
    secret = sure.get("/accounts/2fa/totp/activate/").context["form"].secret
    sure.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert Authenticator.objects.filter(type="totp").exists()
    drain()
    assert [message.subject for message in mail.outbox] == ["An authenticator app was added"]


@pytest.mark.django_db(transaction=True)
def test_new_recovery_codes_are_told(with_totp, drain):
    with_totp.post("/accounts/2fa/recovery-codes/generate/")
    drain()
    assert [message.subject for message in mail.outbox] == ["New recovery codes were generated"]


def test_recovery_codes_are_shown_and_not_kept(with_totp):
    page = with_totp.get("/accounts/2fa/recovery-codes/")
    assert page.status_code == 200
    assert page["Cache-Control"] == "no-store"


def test_the_log_in_then_asks_for_the_second_factor(with_totp, ann):
    other = Client()
    response = other.post("/accounts/login/", {"login": ann.email, "password": PASSWORD})
    assert response.url == "/accounts/2fa/authenticate/"
    assert other.get(response.url).status_code == 200
    assert other.get("/accounts/profile/").status_code == 302


def test_removing_it_is_told(with_totp, drain):
    with_totp.post("/accounts/2fa/totp/deactivate/")
    drain()
    assert mail.outbox[0].subject == "The authenticator app was removed"


def test_other_sessions_can_be_ended(inside, ann):
    other = Client()
    other.post("/accounts/login/", {"login": ann.email, "password": PASSWORD})
    inside.post("/accounts/sessions/")
    assert inside.get("/accounts/profile/").status_code == 200
    assert other.get("/accounts/profile/").status_code == 302


def test_who_tries_too_often_is_told_to_wait(client, ann):
    for _ in range(21):
        response = client.post("/accounts/password/reset/", {"email": ann.email})
    assert response.status_code == 429
    assert "site-header" in response.text
