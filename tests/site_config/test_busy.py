"""A database that is only busy: 503 with Retry-After, and no error email."""

import sqlite3
from contextlib import closing

import pytest
from django.contrib.auth import hashers
from django.core import mail
from django.db import OperationalError, connection
from django.test import Client
from psycopg import errors
from psycopg_pool import PoolTimeout

from tests.accounts.conftest import PASSWORD
from tests.site_config import urls
from tests.site_config.test_errors import assert_error_page, visitor  # noqa: F401  (a fixture)


def raised_by(cause: Exception) -> Exception:
    error = OperationalError("secret detail")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "cause", [PoolTimeout("none free"), errors.TooManyConnections(), errors.LockNotAvailable()]
)
def test_a_busy_postgresql_asks_to_come_back(cause, visitor, monkeypatch, settings):  # noqa: F811
    settings.ADMINS = ["boss@example.com"]
    monkeypatch.setitem(urls.ERRORS, "500", lambda text: raised_by(cause))

    response = visitor.get("/fail/500/")

    assert_error_page(response, 503, "Too busy right now")
    assert response.headers["Retry-After"] == "5"
    assert mail.outbox == []


def test_a_query_that_is_wrong_stays_an_error(visitor, monkeypatch):  # noqa: F811
    cause = errors.DiskFull()
    monkeypatch.setitem(urls.ERRORS, "500", lambda text: raised_by(cause))

    assert visitor.get("/fail/500/").status_code == 500


def test_a_locked_sqlite_asks_to_come_back(tmp_path, visitor, monkeypatch):  # noqa: F811
    def locked(text: str) -> Exception:
        file = tmp_path / "one.sqlite3"
        with closing(sqlite3.connect(file)) as writer, closing(sqlite3.connect(file)) as other:
            writer.execute("BEGIN IMMEDIATE")
            other.execute("PRAGMA busy_timeout = 0")
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                return raised_by(error)
        raise AssertionError("it was not locked")

    monkeypatch.setitem(urls.ERRORS, "500", locked)

    assert_error_page(visitor.get("/fail/500/"), 503, "Too busy right now")


@pytest.mark.django_db(transaction=True)
def test_the_password_is_hashed_outside_the_transaction(settings, monkeypatch):
    class Hasher(hashers.MD5PasswordHasher):
        inside: list[bool] = []

        def encode(self, password: str, salt: str) -> str:
            self.inside.append(connection.in_atomic_block)
            return super().encode(password, salt)

    monkeypatch.setattr("tests.site_config.test_busy.CountingHasher", Hasher, raising=False)
    settings.PASSWORD_HASHERS = ["tests.site_config.test_busy.CountingHasher"]
    form = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}

    response = Client().post("/accounts/signup/", form)

    assert response.status_code == 302
    assert Hasher.inside == [False]
