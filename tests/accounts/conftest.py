import re
from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import cache

from tests.mailroom.fakes.ports import closed_port

PASSWORD = "correct-horse-42"
NEW_PASSWORD = "battery-staple-43"


@pytest.fixture(autouse=True)
def _real_outbox(outbox_mailers, db, settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a fast one
    cache.clear()  # rate limits


@pytest.fixture
def somebody() -> Callable[..., object]:
    """Make a user whose address is confirmed, or with `verified=False` not yet."""

    def make(email: str = "ann@example.com", *, verified: bool = True, **fields):
        user = get_user_model().objects.create_user(email, PASSWORD, **{"name": "Ann", **fields})
        EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
        return user

    return make


@pytest.fixture
def ann(somebody):
    return somebody()


@pytest.fixture
def inside(client, ann):
    """Ann's client: she logged in with her password just now."""
    client.post("/accounts/login/", {"login": ann.email, "password": PASSWORD})
    assert "_auth_user_id" in client.session
    return client


@pytest.fixture
def long_ago(inside):
    """Ann's client, whose sign-in was an hour ago."""
    session = inside.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()
    return inside


def code_of(secret: str) -> str:
    """The code that an authenticator app with this secret shows now."""
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))


@pytest.fixture
def with_totp(inside, drain):
    """Ann's client, who has set up an authenticator app and got the notice."""
    secret = inside.get("/accounts/2fa/totp/activate/").context["form"].secret
    for _ in range(2):  # a code may expire on its way
        if not Authenticator.objects.filter(type="totp").exists():
            inside.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    drain()
    mail.outbox.clear()
    return inside


@pytest.fixture
def sign_up(client):
    def post(email: str = "new@example.com", client=client, **fields):
        data = {"name": "Ned", "email": email, "password1": PASSWORD, "password2": PASSWORD}
        return client.post("/accounts/signup/", data | fields)

    return post


@pytest.fixture
def no_server(outbox_mailers) -> None:
    """The provider of every channel is down."""
    outbox_mailers["memory"] = {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {"host": "127.0.0.1", "port": closed_port(), "timeout": 1},
    }


@pytest.fixture
def the_mail(drain):
    """Carry what is queued, and return the one mail of it."""

    def carry():
        drain()
        (message,) = mail.outbox
        mail.outbox.clear()
        return message

    return carry


def path_in(message) -> str:
    """The path of the first link of ours in a mail's text that holds a key."""
    return re.search(r"http://mailroom\.test(/accounts/\S{40,})", message.body)[1]


def html_of(message) -> str:
    ((content, kind),) = message.alternatives
    assert kind == "text/html"
    return content
