"""Operations mail: told past the outbox, and never the reason why a page fails."""

import logging

import pytest
from django.core import mail
from django.core.mail import mailers
from django.test import Client

from mailroom.config.mailers import MailerTree
from mailroom.config.urls import parse
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import SILENCE, Script, SMTPServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def carry_ops_by(settings):
    """A production whose error mails go by a mailer URL."""
    settings.DEBUG = False
    settings.ADMINS = settings.MANAGERS = ["boss@example.com"]
    settings.ROOT_URLCONF = "tests.site_config.urls"

    def configure(url: str) -> None:
        tree = MailerTree()
        via = tree.add(parse(url))
        ops = {"BACKEND": "mailroom.backends.admins.EmailBackend", "OPTIONS": {"via": via}}
        settings.MAILERS = {"ops": ops, **tree.mailers}
        settings.MAILER_SENDERS = tree.senders

    return configure


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


def test_a_fault_of_ours_is_told_to_admins(carry_ops_by, visitor):
    with SMTPServer() as server:
        carry_ops_by(server.url)
        visitor.get("/fail/500/")
        (told,) = server.received

    assert told.recipients == ["boss@example.com"]
    assert "Internal Server Error: /fail/500/" in told.mail["Subject"]


@pytest.mark.parametrize(
    "url",
    [
        "smtp+plain://127.0.0.1:{port}",
        "failover(smtp+plain://127.0.0.1:{port} postmark://T?api_url=http://127.0.0.1:{port}/)",
    ],
)
def test_a_page_that_fails_is_no_worse_where_its_mailer_is_down(carry_ops_by, visitor, url):
    carry_ops_by(url.format(port=closed_port()))

    response = visitor.get("/fail/500/")

    assert response.status_code == 500
    assert "secret detail" not in response.text


def test_a_silent_mailer_is_waited_for_a_short_time_only(carry_ops_by, monkeypatch):
    monkeypatch.setattr("mailroom.backends.admins.TIMEOUT_SECONDS", 0.2)
    with SMTPServer(Script(greeting=SILENCE)) as server:
        carry_ops_by(f"smtp+plain://127.0.0.1:{server.port}?timeout=60")

        assert mail.mail_admins("Hello", "World", using="ops") is None


def test_broken_links_of_other_sites_are_told_to_managers(carry_ops_by, visitor):
    with SMTPServer() as server:
        carry_ops_by(server.url)
        visitor.get("/no/such/page/", headers={"referer": "http://testserver/newsletters/"})
        (told,) = server.received

    assert "Broken INTERNAL link" in told.mail["Subject"]


def test_an_error_while_telling_an_error_is_not_told_again(carry_ops_by, caplog):
    """A handler that mails what this mailer logs must not chase its own tail."""
    carry_ops_by(f"smtp+plain://127.0.0.1:{closed_port()}")
    calls = []

    class Chasing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            calls.append(record)
            mail.mail_admins("Again", "and again", using="ops")

    chasing = Chasing()
    logging.getLogger("ops").addHandler(chasing)
    try:
        mail.mail_admins("Hello", "World", using="ops")
    finally:
        logging.getLogger("ops").removeHandler(chasing)

    assert len(calls) == 1


def test_it_never_raises_whatever_is_wrong(carry_ops_by, settings):
    carry_ops_by("smtp+plain://127.0.0.1")
    settings.MAILERS = {**settings.MAILERS, "smtp:127.0.0.1": {"BACKEND": "no.such.Backend"}}

    assert mailers["ops"].send_messages([mail.EmailMessage("Hi", "Hi", to=["a@b.example"])]) == 0
