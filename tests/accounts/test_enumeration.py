"""Nobody learns from our pages who has an account: the same answer, for the same work."""

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mailroom.models import Delivery, Message
from tests.accounts.conftest import PASSWORD

KNOWN, UNKNOWN = "ann@example.com", "nobody@example.com"
FORMS = {
    "/accounts/password/reset/": lambda email: {"email": email},
    "/accounts/login/code/": lambda email: {"email": email},
    "/accounts/login/": lambda email: {"login": email, "password": "wrong-password"},
    "/accounts/signup/": lambda email: {
        "name": "Ned",
        "email": email,
        "password1": PASSWORD,
        "password2": PASSWORD,
    },
}


class Answer:
    """What somebody sees who sends a form for an address, and what it cost us."""

    def __init__(self, path: str, email: str) -> None:
        client = Client()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = client.post(path, FORMS[path](email))
        self.queries = [query["sql"] for query in queries]
        page = client.get(response.url) if response.status_code == 302 else response
        self.seen = {
            "status": response.status_code,
            "headers": sorted(response.headers),
            "redirect": response.get("Location"),
            "cookies": sorted(client.cookies),
            "page": page.status_code,
            "text": tokenless(page, email),
        }

    def inserts(self, table: str) -> int:
        return sum(query.startswith(f'INSERT INTO "{table}"') for query in self.queries)


def tokenless(page, email: str) -> list[str]:
    lines = page.text.replace(email, "…").splitlines()
    return [line for line in lines if "csrfmiddlewaretoken" not in line and "nonce" not in line]


@pytest.fixture
def both(ann):
    """The answers for a known and an unknown address."""
    return lambda path: (Answer(path, KNOWN), Answer(path, UNKNOWN))


@pytest.mark.parametrize("path", FORMS)
def test_the_answer_is_the_same(both, path):
    known, unknown = both(path)
    assert known.seen == unknown.seen


@pytest.mark.parametrize("path", FORMS)
def test_so_is_the_work(both, path):
    known, unknown = both(path)
    assert abs(len(known.queries) - len(unknown.queries)) <= 8
    for table in ("mailroom_message", "mailroom_delivery"):
        assert known.inserts(table) == unknown.inserts(table)


@pytest.mark.parametrize("path", FORMS)
def test_each_costs_as_many_hashes(both, path, monkeypatch):
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed = []
    real = MD5PasswordHasher.encode

    def encode(self, *args):
        hashed.append(args)
        return real(self, *args)

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    counts = []
    for email in (KNOWN, UNKNOWN):
        hashed.clear()
        Answer(path, email)
        counts.append(len(hashed))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/accounts/password/reset/", "/accounts/login/code/"])
def test_what_is_pretended_leaves_nothing(client, path, drain):
    response = client.post(path, FORMS[path](UNKNOWN))
    assert response.status_code == 302
    drain()
    assert mail.outbox == []
    assert not Message.objects.exists()
    assert not Delivery.objects.exists()


def test_an_account_that_is_switched_off_is_as_unknown(somebody, drain):
    somebody(KNOWN, is_active=False)
    path = "/accounts/password/reset/"
    assert Answer(path, KNOWN).seen == Answer(path, UNKNOWN).seen
    drain()
    assert mail.outbox == []


@pytest.mark.parametrize("path", ["/accounts/password/reset/", "/accounts/login/code/"])
def test_too_many_tries_are_refused_alike(ann, path):
    def last(email: str) -> tuple[int, str]:
        client = Client()
        for _ in range(6):
            response = client.post(path, FORMS[path](email))
        return response.status_code, str(getattr(response, "context", None) is None)

    assert last(KNOWN) == last(UNKNOWN)


def test_the_settings_that_hold_this():
    assert settings.ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS is False
    assert settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory"
