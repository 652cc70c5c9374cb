"""Limits stop who asks too often, by whatever header; they lock nobody out of an account."""

from datetime import timedelta
from hashlib import sha256

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.known_devices import COOKIE
from mailroom.models import Delivery
from tests.accounts.conftest import NEW_PASSWORD, PASSWORD, path_in
from tests.accounts.test_ways_in import code_in

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


def test_a_mailbox_gets_a_limited_number_of_resets_a_day(client, ann, outbox_mailers):
    now = timezone.now()
    for hour in range(7):
        with time_machine.travel(now + timedelta(hours=hour, minutes=hour)):
            for n in range(4):
                client.post(RESET, {"email": ann.email}, **from_address(4 * hour + n))
    assert Delivery.objects.count() == 20


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


@pytest.fixture
def guess(ann):
    """Try a wrong password for Ann's account from a browser of one's own; the answer's text."""

    def run(times: int, client=None, start: int = 0) -> str:
        text = ""
        for n in range(start, start + times):
            wrong = {"login": ann.email, "password": f"wrong-{n}"}
            browser = client or Client()
            text = browser.post("/accounts/login/", wrong, **from_address(n)).text
        return text

    return run


@pytest.fixture
def known(client, ann):
    """A browser that Ann signed in with before."""
    client.post("/accounts/login/", {"login": ann.email, "password": PASSWORD})
    client.post("/accounts/logout/")
    return client


def signs_in(client, email: str, password: str = PASSWORD) -> bool:
    client.post("/accounts/login/", {"login": email, "password": password})
    return "_auth_user_id" in client.session


def test_guesses_of_strangers_do_not_lock_out_the_owner_on_a_known_device(known, ann, guess):
    assert "Too many" in guess(7)
    assert signs_in(known, ann.email.upper())


def test_a_known_device_has_a_limit_too(known, ann, guess):
    assert "Too many" in guess(6, known)
    assert not signs_in(known, ann.email)


def test_one_known_device_does_not_lock_out_another(known, ann, guess):
    other = Client()
    assert signs_in(other, ann.email)
    other.post("/accounts/logout/")
    guess(6, known)
    assert signs_in(other, ann.email)


def test_a_device_of_somebody_else_is_a_stranger(known, somebody, guess, ann):
    somebody("bob@example.com")
    bobs = Client()
    assert signs_in(bobs, "bob@example.com")
    bobs.post("/accounts/logout/")
    guess(5, bobs)
    assert "Too many" in guess(1, start=5)
    assert signs_in(known, ann.email)


def test_a_forged_device_is_a_stranger(known, ann, guess):
    forged = Client()
    forged.cookies[COOKIE] = known.cookies[COOKIE].value[:-1] + "x"
    guess(5, forged)
    assert "Too many" in guess(1, start=5)


def test_a_reset_makes_the_device_known(client, ann, guess, drain):
    client.post(RESET, {"email": ann.email})
    drain()
    page = client.get(path_in(mail.outbox[0]), follow=True)
    fields = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post(page.redirect_chain[-1][0], fields)
    assert "Too many" in guess(6)
    assert signs_in(client, ann.email, NEW_PASSWORD)


def test_codes_asked_for_by_strangers_do_not_lock_out_the_owner(known, ann, drain):
    ask = {"email": ann.email}
    for n in range(5):
        refused = Client().post("/accounts/login/code/", ask, **from_address(n))
    assert "Too many" in refused.text
    drain()
    mail.outbox.clear()

    assert known.post("/accounts/login/code/", ask, **from_address(9)).status_code == 302
    drain()
    (message,) = mail.outbox
    known.post("/accounts/login/code/confirm/", {"code": code_in(message)})
    assert "_auth_user_id" in known.session


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", [RESET, "/accounts/login/code/", "/accounts/signup/"])
def test_requests_that_fail_are_counted(client, ann, outbox_mailers, path):
    """Each is rolled back, with what the database cache has counted in it."""
    outbox_mailers.pop("password_reset"), outbox_mailers.pop("registration")
    client.raise_request_exception = False
    fields = {"name": "Ned", "password1": PASSWORD, "password2": PASSWORD}

    answers = [client.post(path, {**fields, "email": f"a{n}@example.com"}) for n in range(22)]

    assert [answer.status_code for answer in answers[:20]] == [500] * 20
    assert all(answer.status_code == 429 or "Too many" in answer.text for answer in answers[20:])


@pytest.mark.django_db(transaction=True)
def test_the_limit_of_an_address_counts_them_as_well(client, ann, outbox_mailers, drain):
    registry = outbox_mailers.pop("password_reset")
    client.raise_request_exception = False
    for n in range(5):
        client.post(RESET, {"email": ann.email}, **from_address(n))

    outbox_mailers["password_reset"] = registry
    assert client.post(RESET, {"email": ann.email}, **from_address(9)).status_code == 302
    drain()
    assert mail.outbox == []


def test_what_counts_an_address_is_no_hash_that_can_be_guessed(client, db):
    client.post(RESET, {"email": "ann@example.com"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM cache")
        keys = [key for (key,) in cursor.fetchall()]
    assert keys
    assert not any(sha256(b"ann@example.com").hexdigest() in key for key in keys)


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


@pytest.mark.parametrize("written_as", ["9.9.9.{}", "::ffff:9.9.9.{}", "2001:db8:0:{}::1"])
def test_two_visitors_behind_one_proxy_have_a_limit_each(client, db, settings, written_as):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    answers = [
        client.post(
            RESET,
            {"email": f"a{n}@example.com"},
            headers={"X-Forwarded-For": written_as.format(n % 2)},
        )
        for n in range(30)
    ]

    assert {answer.status_code for answer in answers} == {302}


@pytest.fixture
def codes(with_totp):
    """Recovery codes of Ann, who has signed out on the browser that set up two-factor."""
    found = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    with_totp.post("/accounts/logout/")
    return found


def tries_codes(browser, email: str, codes: list[str], start: int = 0) -> str:
    """Sign in by password, then try codes; the text of the last answer."""
    browser.post("/accounts/login/", {"login": email, "password": PASSWORD}, **from_address(start))
    text = ""
    for n, code in enumerate(codes, start):
        answer = browser.post("/accounts/2fa/authenticate/", {"code": code}, **from_address(n))
        text = answer.content.decode()
    return text


WRONG = [f"wrong-{n}" for n in range(6)]


def test_who_has_my_password_does_not_lock_me_out_of_my_second_factor(client, ann, codes):
    assert "Too many" in tries_codes(Client(), ann.email, WRONG)
    tries_codes(client, ann.email, codes[:1], start=20)
    assert "_auth_user_id" in client.session


def test_a_stranger_with_my_password_has_as_many_codes_as_before(ann, codes):
    stranger = Client()
    tries_codes(stranger, ann.email, [*WRONG, codes[0]])
    assert "_auth_user_id" not in stranger.session


def test_a_known_device_tries_a_limited_number_of_codes(client, ann, codes):
    text = tries_codes(client, ann.email, [f"wrong-{n}" for n in range(12)])
    assert "Too many" in text
    tries_codes(client, ann.email, codes[:1], start=20)
    assert "_auth_user_id" not in client.session
