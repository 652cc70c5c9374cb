"""What opens or changes an account needs more than a session: a sign-in or proof a moment ago."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission
from django.core import mail

from tests.accounts.conftest import NEW_PASSWORD, PASSWORD, path_in
from tests.accounts.test_ways_in import code_in

EMAIL = "/accounts/email/"
NEW = {"email": "new@example.com", "action_add": ""}

SENSITIVE = {
    "address": (EMAIL, NEW),
    "app": ("/accounts/2fa/totp/activate/", {"code": "123456"}),
    "no app": ("/accounts/2fa/totp/deactivate/", {}),
    "passkey": ("/accounts/2fa/webauthn/add/", {"name": "Key", "credential": "{}"}),
    "recovery codes": ("/accounts/2fa/recovery-codes/generate/", {}),
    "see recovery codes": ("/accounts/2fa/recovery-codes/", None),
}


@pytest.fixture
def codeless(somebody, client, the_mail):
    """The client of somebody without password, who signs in by code an hour ago."""
    user = somebody("cody@example.com")
    user.set_unusable_password()
    user.save()
    client.post("/accounts/login/code/", {"email": user.email})
    client.post("/accounts/login/code/confirm/", {"code": code_in(the_mail())})
    assert "_auth_user_id" in client.session
    return client


def make_old(client) -> None:
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()


def test_a_new_address_needs_no_password_right_after_signing_in(inside):
    assert inside.post(EMAIL, NEW).url == EMAIL
    assert EmailAddress.objects.filter(email="new@example.com").exists()


def test_a_session_alone_changes_no_address(long_ago, drain):
    answer = long_ago.post(EMAIL, NEW)

    assert answer.url.startswith("/accounts/reauthenticate/")
    assert not EmailAddress.objects.filter(email="new@example.com").exists()
    drain()
    assert mail.outbox == []


def test_the_password_goes_on_with_the_change(long_ago, the_mail):
    page = long_ago.post(EMAIL, NEW).url
    long_ago.post(page, {"password": PASSWORD}, follow=True)

    assert the_mail().to == ["new@example.com"]


def test_a_wrong_password_does_not(long_ago):
    long_ago.post(long_ago.post(EMAIL, NEW).url, {"password": "wrong"}, follow=True)

    assert not EmailAddress.objects.filter(email="new@example.com").exists()


@pytest.mark.parametrize("what", SENSITIVE)
def test_a_session_alone_is_asked_for_more(with_totp, what):
    path, data = SENSITIVE[what]
    if what == "app":
        Authenticator.objects.all().delete()
    make_old(with_totp)

    answer = with_totp.post(path, data) if data is not None else with_totp.get(path)

    assert answer.status_code == 302
    assert "reauthenticate" in answer.url


def test_an_address_changes_with_two_factor_on(with_totp, ann, the_mail):
    with_totp.post(EMAIL, NEW)
    with_totp.post(path_in(the_mail()))

    ann.refresh_from_db()
    assert ann.email == "new@example.com"
    assert the_mail().to == ["ann@example.com"]
    assert Authenticator.objects.filter(user=ann).exists()


class TestWithoutPassword:
    def test_a_sign_in_a_moment_ago_is_enough(self, codeless):
        assert codeless.post(EMAIL, NEW).url == EMAIL
        assert EmailAddress.objects.filter(email="new@example.com").exists()

    @pytest.mark.parametrize(
        ("path", "data"),
        [
            (EMAIL, NEW),
            ("/accounts/2fa/totp/activate/", {"code": "123456"}),
            ("/accounts/password/set/", {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}),
        ],
    )
    def test_a_session_alone_signs_in_again(self, codeless, path, data, django_user_model):
        make_old(codeless)
        answer = codeless.post(path, data)

        assert answer.url.startswith("/accounts/sign-in-again/?next=")
        assert not EmailAddress.objects.filter(email="new@example.com").exists()
        assert not django_user_model.objects.get().has_usable_password()

    def test_signing_in_again_leads_back(self, codeless, the_mail):
        make_old(codeless)
        again = codeless.post(EMAIL, NEW).url
        assert "Sign in again" in codeless.get(again).text

        asked = codeless.post(again, {"next": EMAIL})
        assert asked.url == "/accounts/login/code/?next=%2Faccounts%2Femail%2F"
        assert "_auth_user_id" not in codeless.session
        codeless.post(asked.url, {"email": "cody@example.com", "next": EMAIL})
        confirm = {"code": code_in(the_mail()), "next": EMAIL}
        codeless.post("/accounts/login/code/confirm/", confirm)
        assert codeless.post(EMAIL, NEW).url == EMAIL

    def test_it_leads_to_no_other_site(self, codeless):
        answer = codeless.post("/accounts/sign-in-again/", {"next": "https://evil.test/"})
        assert "evil" not in answer.url


class TestStaff:
    """REQUIRE_TWO_FACTOR_FOR_STAFF."""

    PAGES = ("/admin/", "/admin/accounts/user/", "/mail/status/", "/", "/notifications/")

    @pytest.fixture
    def ann(self, somebody, settings):
        settings.REQUIRE_TWO_FACTOR_FOR_STAFF = True
        return somebody(is_staff=True, is_superuser=True)

    @pytest.mark.parametrize("page", PAGES)
    def test_first_set_up_a_second_factor(self, inside, page):
        answer = inside.get(page, follow=True)
        assert answer.redirect_chain[-1][0] == "/accounts/2fa/"
        assert "Your role requires two-factor authentication" in answer.text

    def test_can_change_nothing_before(self, inside, ann):
        page = f"/admin/accounts/user/{ann.pk}/password/"
        new = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
        assert inside.post(page, new).url == "/accounts/2fa/"
        ann.refresh_from_db()
        assert ann.check_password(PASSWORD)

    @pytest.mark.parametrize("page", PAGES)
    def test_come_in_with_one(self, with_totp, page):
        assert with_totp.get(page).status_code == 200

    def test_recovery_codes_alone_are_none(self, with_totp):
        Authenticator.objects.filter(type="totp").delete()
        assert with_totp.get("/admin/").url == "/accounts/2fa/"

    def test_are_not_asked_without_the_setting(self, inside, settings):
        settings.REQUIRE_TWO_FACTOR_FOR_STAFF = False
        assert inside.get("/admin/").status_code == 200

    @pytest.mark.parametrize("given", ["superuser", "permission"])
    def test_is_asked_of_others_with_permissions(self, inside, ann, given):
        type(ann).objects.update(is_staff=False, is_superuser=given == "superuser")
        if given == "permission":
            ann.user_permissions.add(Permission.objects.get(codename="manage_mailers"))
        assert inside.get("/mail/status/").url == "/accounts/2fa/"

    def test_is_not_asked_of_others(self, inside, ann):
        type(ann).objects.update(is_staff=False, is_superuser=False)
        assert inside.get("/notifications/").status_code == 200
