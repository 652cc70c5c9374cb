"""The checks that look at the whole tree of mailers."""

import pytest
from django.db import connection

from mailroom import checks
from tests.processes import settings_with

GOOD = {
    "MAILER_URL": "smtp://mail.example.com",
    "MAIL_FROM": "The site <site@example.com>",
    "MAIL_FROM_NEWSLETTERS": "News <news@news.example.com>",
    "PUBLIC_URL": "https://example.com",
}


@pytest.fixture
def configure(settings):
    """Build the mailers of a production from variables."""

    def build(**variables: str) -> None:
        found = settings_with(**{**GOOD, **variables})
        settings.DEBUG = False
        settings.MAILERS, settings.MAILER_SENDERS = found.MAILERS, found.MAILER_SENDERS

    return build


def told(check) -> list[tuple[str, str]]:
    return [(fault.id, fault.obj) for fault in check(None)]


def test_a_good_tree_passes_all(configure):
    configure()

    for check in (
        checks.no_cycles,
        checks.nothing_for_development,
        checks.no_global_keys,
        checks.time_outs,
        checks.senders,
        checks.separate_domains,
    ):
        assert told(check) == []


def test_a_route_that_leads_back_to_itself_is_told(configure, settings):
    configure()
    backend = "mailroom.backends.failover.EmailBackend"
    settings.MAILERS = {
        **settings.MAILERS,
        "a": {"BACKEND": backend, "OPTIONS": {"via": ["b", "smtp:mail.example.com"]}},
        "b": {"BACKEND": backend, "OPTIONS": {"via": ["a"]}},
    }

    assert told(checks.no_cycles) == [("mailroom.E005", "a"), ("mailroom.E005", "b")]


@pytest.mark.parametrize("url", ["console:", "file:///mail", "inbox:"])
def test_a_backend_for_development_is_told_however_deep_it_is(configure, settings, url):
    configure(MAILER_URL_REGISTRATION=f"failover(split(1 postmark://T 1 {url}) ses://)")

    assert told(checks.nothing_for_development) == [("mailroom.E006", "registration")]

    settings.DEBUG = True
    assert told(checks.nothing_for_development) == []


def test_a_key_that_every_mailer_would_fall_back_to_is_told(configure, settings):
    configure()
    settings.ANYMAIL = {"WEBHOOK_SECRET": "a:b", "POSTMARK_SERVER_TOKEN": "hunter2"}

    assert told(checks.no_global_keys) == [("mailroom.W008", "POSTMARK_SERVER_TOKEN")]


def test_an_smtp_mailer_without_a_time_out_is_told(configure, settings):
    configure()
    backend = "django.core.mail.backends.smtp.EmailBackend"
    settings.MAILERS = {**settings.MAILERS, "by-hand": {"BACKEND": backend}}

    assert told(checks.time_outs) == [("mailroom.W001", "by-hand")]


def test_a_from_that_a_provider_may_not_send_is_told(configure):
    configure(MAILER_URL_REGISTRATION="mailgun://KEY@other.example")
    assert told(checks.senders) == [("mailroom.W002", "registration")]

    configure(MAILER_URL_REGISTRATION="mailgun://KEY@other.example?from=me@other.example")
    assert told(checks.senders) == []


def test_newsletters_and_resets_from_one_domain_are_told(configure):
    configure(MAIL_FROM_NEWSLETTERS="News <news@example.com>")

    assert told(checks.separate_domains) == [("mailroom.W003", "example.com")]


@pytest.mark.parametrize(("mode", "number"), [("", 1), ("DEFERRED", 1), ("immediate", 0)])
def test_sqlite_that_does_not_wait_for_its_lock_is_told(monkeypatch, mode, number):
    if connection.vendor == "sqlite":
        monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"transaction_mode": mode})
    found = checks.sqlite_waits(None)

    assert len(found) == (number if connection.vendor == "sqlite" else 0)
