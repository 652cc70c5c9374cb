"""Signing up, logging in, and back in after forgetting."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from accounts.models import User
from tests.accounts.conftest import NEW_PASSWORD, PASSWORD, html_of, path_in


def log_in(client, email: str = "ann@example.com", password: str = PASSWORD):
    return client.post("/accounts/login/", {"login": email, "password": password})


def is_inside(client) -> bool:
    return client.get("/accounts/profile/").status_code == 200


class TestSigningUp:
    def test_asks_for_a_confirmation_through_registration(self, client, sign_up, the_mail):
        assert sign_up().url == "/accounts/confirm-email/"
        message = the_mail()
        assert message.to == ["new@example.com"]
        assert message.subject == "Confirm your address for Mailroom"
        assert message.from_email == "Welcome <welcome@mailroom.test>"
        assert path_in(message) in html_of(message)
        assert not is_inside(client)

    def test_the_link_asks_and_the_button_confirms(self, client, sign_up, the_mail):
        sign_up()
        link = path_in(the_mail())
        assert client.get(link).status_code == 200
        assert not EmailAddress.objects.get().verified
        client.post(link)
        assert EmailAddress.objects.get().verified
        log_in(client, "new@example.com")
        assert is_inside(client)

    def test_without_the_confirmation_nobody_gets_in(self, client, sign_up):
        sign_up()
        assert log_in(client, "new@example.com").url == "/accounts/confirm-email/"
        assert not is_inside(client)

    def test_keeps_name_and_language(self, client, sign_up, the_mail):
        client.post("/i18n/setlang/", {"language": "fr"})
        sign_up(name="Zoë")
        user = User.objects.get()
        assert (user.name, user.language) == ("Zoë", "fr")
        assert '<html lang="fr"' in html_of(the_mail())

    def test_a_stranger_cannot_advertise_in_a_name(self, sign_up, the_mail):
        sign_up(name="Win money at https://spam.example")
        assert "spam.example" not in the_mail().message().as_string()

    @pytest.mark.parametrize("name", ["Ann\nBcc: all@example.com", "A\r\nX: y", "A\u2028B", "A\0B"])
    def test_line_ends_in_a_name_are_refused(self, sign_up, name):
        response = sign_up(name=name)
        assert response.context["form"].errors["name"]
        assert not User.objects.exists()

    @pytest.mark.parametrize("email", ["", "ann", "a@b.c\nBcc: x@example.com", "a@b..c"])
    def test_bad_addresses_are_refused(self, sign_up, email):
        assert sign_up(email).context["form"].errors["email"]

    def test_a_weak_password_is_refused(self, sign_up):
        response = sign_up(password1="12345678", password2="12345678")
        assert "too common" in str(response.context["form"].errors)

    def test_upper_and_lower_case_are_one_address(self, ann, sign_up, the_mail):
        sign_up("Ann@Example.COM")
        assert User.objects.get() == ann
        assert the_mail().subject == "You already have an account at Mailroom"


class TestLoggingIn:
    def test_by_password(self, client, ann):
        assert log_in(client).url == "/accounts/profile/"
        assert is_inside(client)

    def test_by_a_mailed_code(self, client, ann, the_mail):
        client.post("/accounts/login/code/", {"email": ann.email})
        message = the_mail()
        code = code_in(message)
        assert code in html_of(message)
        assert code not in message.subject
        client.post("/accounts/login/code/confirm/", {"code": code})
        assert is_inside(client)

    def test_a_wrong_code_does_not_open(self, client, ann, the_mail):
        client.post("/accounts/login/code/", {"email": ann.email})
        right = code_in(the_mail())
        client.post("/accounts/login/code/confirm/", {"code": right[::-1]})
        assert not is_inside(client)

    def test_not_to_an_account_that_is_switched_off(self, client, somebody):
        somebody(is_active=False)
        assert log_in(client).url == "/accounts/inactive/"
        assert not is_inside(client)

    def test_the_admin_asks_here_too(self, client):
        response = client.get("/admin/", follow=True)
        assert response.redirect_chain[-1][0].startswith("/accounts/login/")


class TestForgetting:
    @pytest.fixture
    def link(self, client, ann, the_mail) -> str:
        client.post("/accounts/password/reset/", {"email": ann.email})
        return path_in(the_mail())

    def choose(self, client, link: str):
        page = client.get(link, follow=True)
        new = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        return client.post(page.request["PATH_INFO"], new)

    def test_a_link_sets_a_new_password_and_a_notice_says_so(self, client, link, the_mail):
        self.choose(client, link)
        assert the_mail().subject == "Your password was reset"
        log_in(client, password=NEW_PASSWORD)
        assert is_inside(client)

    def test_the_old_password_no_longer_opens(self, client, link):
        self.choose(client, link)
        log_in(client)
        assert not is_inside(client)

    def test_the_link_works_once(self, client, link):
        self.choose(client, link)
        assert client.get(link).context["token_fail"]

    def test_the_key_does_not_stay_in_the_address(self, client, link):
        assert client.get(link).url.endswith("-set-password/")

    def test_the_host_header_is_not_trusted(self, client, ann, the_mail):
        client.post(
            "/accounts/password/reset/", {"email": ann.email}, headers={"host": "localhost"}
        )
        message = the_mail()
        assert "localhost" not in message.body + html_of(message)

    def test_strangers_get_no_mail(self, client, drain):
        client.post("/accounts/password/reset/", {"email": "nobody@example.com"})
        drain()
        assert mail.outbox == []


def code_in(message) -> str:
    return re.search(r"^ {4}(\S+)$", message.body, re.MULTILINE)[1]
