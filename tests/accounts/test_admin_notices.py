"""Whoever's account is changed in the admin gets a security notice."""

from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import mail
from django.core.management import call_command

from tests.accounts.conftest import NEW_PASSWORD, PASSWORD

CHANGED = "Your password was changed"
NEW = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}


@pytest.fixture
def notices(drain):
    """Send what is queued; who got what."""

    def run() -> list[tuple[str, str]]:
        drain()
        return [(message.to[0], message.subject) for message in mail.outbox]

    return run


@pytest.fixture
def boss(somebody, django_user_model):
    """The client of a superuser, boss@example.com."""
    from django.test import Client

    user = somebody("boss@example.com", is_staff=True, is_superuser=True)
    client = Client(REMOTE_ADDR="192.0.2.99")
    client.force_login(user)
    return client


def user_form(user, **changes: str) -> dict[str, str]:
    fields = {"email": user.email, "name": user.name, "language": "en", "time_zone": "UTC"}
    return {**fields, "is_active": "on", **changes}


class TestOwnPassword:
    URL = "/admin/password_change/"

    def post(self, client, old: str):
        new = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        return client.post(self.URL, {"old_password": old, **new})

    def test_is_reported_to_its_owner(self, boss, notices):
        assert self.post(boss, PASSWORD).status_code == 302
        assert notices() == [("boss@example.com", CHANGED)]
        assert "192.0.2.99" in mail.outbox[0].body

    def test_nothing_is_reported_if_it_stays(self, boss, notices):
        assert self.post(boss, "wrong").status_code == 200
        assert notices() == []

    def test_the_old_one_cannot_be_guessed_without_limit(self, boss, django_user_model):
        for _ in range(5):
            self.post(boss, "wrong")
        assert self.post(boss, PASSWORD).status_code == 200
        assert django_user_model.objects.get().check_password(PASSWORD)

    def test_it_stays_if_the_notice_cannot_be_queued(self, boss, outbox_mailers, django_user_model):
        del outbox_mailers["notifications"]
        boss.raise_request_exception = False
        assert self.post(boss, PASSWORD).status_code == 500
        assert django_user_model.objects.get().check_password(PASSWORD)


def test_a_password_that_an_administrator_sets_is_reported(boss, ann, notices):
    assert boss.post(f"/admin/accounts/user/{ann.pk}/password/", NEW).status_code == 302
    assert notices() == [(ann.email, CHANGED)]
    body = mail.outbox[0].body
    assert "By: an administrator of this site" in body
    assert "192.0.2.99" not in body


def test_a_password_that_an_administrator_removes_is_reported(boss, ann, notices):
    unset = {"usable_password": "false", "unset-password": "1"}
    boss.post(f"/admin/accounts/user/{ann.pk}/password/", unset)
    ann.refresh_from_db()
    assert not ann.has_usable_password()
    assert notices() == [(ann.email, CHANGED)]


class TestAddress:
    def test_a_change_is_reported_to_the_old_one(self, boss, ann, notices):
        page = f"/admin/accounts/user/{ann.pk}/change/"
        answer = boss.post(page, user_form(ann, email="New@example.com"))
        assert answer.status_code == 302
        assert notices() == [("ann@example.com", "Your email address was changed")]
        assert "new@example.com" in mail.outbox[0].body

    def test_the_new_one_has_to_be_confirmed_and_the_old_one_no_longer_counts(
        self, boss, ann, client
    ):
        page = f"/admin/accounts/user/{ann.pk}/change/"
        boss.post(page, user_form(ann, email="new@example.com"))
        rows = EmailAddress.objects.filter(user=ann)
        assert list(rows.values_list("email", "verified", "primary")) == [
            ("new@example.com", False, True)
        ]
        for email in ("ann@example.com", "new@example.com"):
            client.post("/accounts/login/", {"login": email, "password": PASSWORD})
            assert "_auth_user_id" not in client.session

    def test_other_changes_are_not_reported(self, boss, ann, notices):
        boss.post(f"/admin/accounts/user/{ann.pk}/change/", user_form(ann, name="Anna"))
        assert notices() == []

    def test_one_that_is_marked_as_verified_is_reported(self, boss, somebody, notices):
        somebody(verified=False)
        row = EmailAddress.objects.get(email="ann@example.com")
        action = {"action": "make_verified", "_selected_action": [row.pk]}
        boss.post("/admin/account/emailaddress/", action)
        row.refresh_from_db()
        assert row.verified
        assert notices() == [("ann@example.com", "Your email address is confirmed")]

    def test_one_that_is_deleted_is_reported(self, boss, ann, notices):
        row = EmailAddress.objects.create(user=ann, email="second@example.com")
        boss.post(f"/admin/account/emailaddress/{row.pk}/delete/", {"post": "yes"})
        assert notices() == [("ann@example.com", "An email address was removed")]

    def test_none_can_be_added_or_changed_past_the_owner(self, boss, ann):
        row = EmailAddress.objects.get(user=ann)
        assert boss.get("/admin/account/emailaddress/add/").status_code == 403
        change = {"user": ann.pk, "email": "evil@example.com", "verified": "on", "primary": "on"}
        boss.post(f"/admin/account/emailaddress/{row.pk}/change/", change)
        row.refresh_from_db()
        assert row.email == "ann@example.com"


FACTORS = {"totp": "The authenticator app was removed", "webauthn": "A passkey was removed"}


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("type", FACTORS)
def test_a_second_factor_that_is_deleted_is_reported(boss, ann, notices, type, at_once):
    row = Authenticator.objects.create(user=ann, type=type, data={"secret": "x", "name": "Key"})
    if at_once:
        chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        boss.post("/admin/mfa/authenticator/", chosen)
    else:
        boss.post(f"/admin/mfa/authenticator/{row.pk}/delete/", {"post": "yes"})
    assert not Authenticator.objects.exists()
    assert notices() == [(ann.email, FACTORS[type])]


def test_a_password_that_is_set_on_the_command_line_is_reported(ann, notices, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda prompt="": NEW_PASSWORD)
    call_command("changepassword", "Ann@example.com", stdout=StringIO())
    assert notices() == [(ann.email, CHANGED)]
    ann.refresh_from_db()
    assert ann.check_password(NEW_PASSWORD)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_session_that_is_deleted_ends(boss, ann, inside, at_once):
    row = UserSession.objects.get(user=ann)
    if at_once:
        chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        boss.post("/admin/usersessions/usersession/", chosen)
    else:
        boss.post(f"/admin/usersessions/usersession/{row.pk}/delete/", {"post": "yes"})
    assert inside.get("/accounts/profile/").status_code == 302
