"""A log-in from a browser that the account was not used from before."""

import pytest
from django.core import mail
from django.test import Client

from accounts.known_devices import COOKIE
from accounts.models import User
from notifications.models import Notification

PASSWORD = "correct-horse-42"
FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Firefox/150.0"}

pytestmark = pytest.mark.usefixtures("outbox_mailers")


@pytest.fixture
def ann(transactional_db) -> User:
    user = User.objects.create_user("ann@example.com", PASSWORD)
    user.emailaddress_set.create(email=user.email, verified=True, primary=True)
    return user


def log_in(client: Client) -> None:
    values = {"login": "ann@example.com", "password": PASSWORD}
    assert client.post("/accounts/login/", values, headers=FIREFOX).status_code == 302


def test_the_first_log_in_of_all_is_no_news(ann, client, drain):
    log_in(client)
    drain()
    assert mail.outbox == []


def test_a_second_browser_is_told_here_and_by_mail(ann, client, drain):
    log_in(client)
    log_in(Client())
    drain()
    (message,) = mail.outbox
    assert (message.subject, message.to) == ("Sign-in from a new device", [ann.email])
    assert "Firefox on Linux" in message.body
    assert "127.0.0.1" in message.body
    assert Notification.objects.get().kind == "sign_in"


def test_the_same_browser_is_known_after_a_log_out(ann, client, drain):
    log_in(client)
    client.post("/accounts/logout/")
    log_in(client)
    drain()
    assert mail.outbox == []


def test_a_cookie_of_ones_own_making_is_none(ann, client):
    log_in(client)
    stranger = Client()
    stranger.cookies[COOKIE] = client.cookies[COOKIE].value[:-1] + "x"
    log_in(stranger)
    assert Notification.objects.count() == 1


def test_the_cookie_names_nobody_and_is_no_script_s(ann, client):
    log_in(client)
    cookie = client.cookies[COOKIE]
    assert ann.email not in cookie.value
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
