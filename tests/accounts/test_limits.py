"""Limits stop who asks too often, by whatever header; they lock nobody out of an account."""

import pytest
from django.core import mail

from tests.accounts.conftest import NEW_PASSWORD, PASSWORD, path_in

RESET = "/accounts/password/reset/"


def from_address(number: int) -> dict[str, str]:
    return {"REMOTE_ADDR": f"10.0.{number // 250}.{number % 250 + 1}"}


def test_others_who_ask_in_my_name_do_not_lock_me_out(client, ann, drain):
    answers = {client.post(RESET, {"email": ann.email}, **from_address(n)).url for n in range(12)}
    drain()
    assert answers == {"/accounts/password/reset/done/"}
    assert len(mail.outbox) == 5

    page = client.get(path_in(mail.outbox[0]), follow=True)
    fields = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post(page.redirect_chain[-1][0], fields)
    client.post("/accounts/login/", {"login": ann.email, "password": NEW_PASSWORD})
    assert "_auth_user_id" in client.session


def test_who_guesses_in_my_name_does_not_lock_me_out(client, ann, drain):
    for n in range(12):
        wrong = {"login": ann.email, "password": f"wrong-{n}"}
        client.post("/accounts/login/", wrong, **from_address(n))
    client.post(RESET, {"email": ann.email})
    drain()

    page = client.get(path_in(mail.outbox[0]), follow=True)
    fields = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post(page.redirect_chain[-1][0], fields)
    client.post("/accounts/login/", {"login": ann.email, "password": NEW_PASSWORD})
    assert "_auth_user_id" in client.session


def test_guesses_are_counted_for_an_account_whatever_port_is_named(client, ann, settings):
    for n in range(5):
        wrong = {"login": ann.email.upper(), "password": f"wrong-{n}"}
        client.post(
            "/accounts/login/", wrong, headers={"Host": f"testserver:{n + 1}"}, **from_address(n)
        )
    right = {"login": ann.email, "password": PASSWORD}
    answer = client.post("/accounts/login/", right, headers={"Host": "testserver:99"})

    assert "Too many" in answer.text
    assert "_auth_user_id" not in client.session


def test_a_sign_up_in_my_name_does_not_fill_my_mailbox(sign_up, ann, drain):
    answers = {sign_up(ann.email).status_code for _ in range(12)}
    drain()
    assert answers == {302}
    assert len(mail.outbox) == 1


FORMS = {
    "reset": (RESET, lambda n: {"email": f"a{n}@example.com"}, 20),
    "sign-up": ("/accounts/signup/", lambda n: {"email": f"a{n}@example.com"}, 20),
    "code": ("/accounts/login/code/", lambda n: {"email": f"a{n}@example.com"}, 20),
    "log-in": ("/accounts/login/", lambda n: {"login": f"a{n}@example.com", "password": "x"}, 10),
}
BEHIND = {
    0: lambda n: {"X-Forwarded-For": f"8.8.8.{n}"},
    1: lambda n: {"X-Forwarded-For": f"8.8.8.{n}, 9.9.9.9"},
    2: lambda n: {"X-Forwarded-For": f"8.8.8.{n}, 9.9.9.9, 7.7.7.7"},
}


@pytest.mark.parametrize("proxies", BEHIND)
@pytest.mark.parametrize("name", FORMS)
def test_a_spoofed_header_gains_nothing(client, db, settings, name, proxies):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    path, fields, most = FORMS[name]

    def ask(n: int) -> bool:
        client.cookies.clear()
        answer = client.post(path, fields(n), headers=BEHIND[proxies](n))
        return answer.status_code == 429 or "Too many" in answer.text

    refused = [ask(n) for n in range(most + 3)]

    assert refused == [False] * most + [True] * 3


@pytest.mark.parametrize("forwarded", ["9.9.9.9", "not an address", "::1, ", ",", "9" * 5000])
def test_a_header_that_no_proxy_wrote_fails_no_page(client, db, settings, forwarded):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    headers = {"X-Forwarded-For": forwarded}

    answer = client.post(RESET, {"email": "a@example.com"}, headers=headers)

    assert answer.status_code == 302


def test_two_visitors_behind_one_proxy_have_a_limit_each(client, db, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    answers = [
        client.post(
            RESET, {"email": f"a{n}@example.com"}, headers={"X-Forwarded-For": f"9.9.9.{n % 2}"}
        )
        for n in range(30)
    ]

    assert {answer.status_code for answer in answers} == {302}
