"""The grammar of mailer URLs: what is read from each, and that secrets stay inside."""

import pkgutil

import pytest
from anymail import backends

from mailroom.config.mailers import MailerTree
from mailroom.config.schemes import ANYMAIL
from mailroom.config.urls import Failover, ProviderURL, Split, parse


def options(url: str) -> dict:
    provider = parse(url)
    assert isinstance(provider, ProviderURL)
    return provider.options


@pytest.mark.parametrize(
    ("url", "port", "flags"),
    [
        ("smtp://mail.example", 587, {"use_tls": True}),
        ("smtps://mail.example", 465, {"use_ssl": True}),
        ("smtp+plain://mail.example", 25, {}),
        ("smtp://mail.example:2525", 2525, {"use_tls": True}),
    ],
)
def test_smtp_connects_as_its_scheme_says_and_never_waits_for_ever(url, port, flags):
    assert options(url) == {"host": "mail.example", "port": port, "timeout": 10, **flags}


def test_credentials_are_decoded():
    found = options("smtp://me%40example.com:p%40ss%3Aw%2Frd@mail.example?timeout=3")

    assert found["username"] == "me@example.com"
    assert found["password"] == "p@ss:w/rd"
    assert found["timeout"] == 3


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postmark://TOKEN", {"server_token": "TOKEN"}),
        ("postmark://TOKEN?message_stream=broadcast", {"message_stream": "broadcast"}),
        ("mailgun://KEY@mg.example", {"api_key": "KEY", "sender_domain": "mg.example"}),
        ("brevo://KEY?api_url=http://127.0.0.1:9/", {"api_url": "http://127.0.0.1:9/"}),
        ("mailjet://KEY:SECRET", {"api_key": "KEY", "secret_key": "SECRET"}),
        ("resend://KEY?timeout=4", {"requests_timeout": 4}),
        ("file:///var/mail", {"file_path": "/var/mail"}),
    ],
)
def test_providers_get_their_options(url, expected):
    assert expected.items() <= options(url).items()


def test_ses_gets_its_region_and_one_attempt_of_its_own():
    client = options("ses://?region_name=eu-west-1&configuration_set_name=news")["client_params"]

    assert client["region_name"] == "eu-west-1"
    assert client["config"]["retries"] == {"total_max_attempts": 1}


def test_every_backend_of_anymail_has_a_scheme():
    abstract = {"base", "base_requests", "console", "test"}
    renamed = {"sendinblue"}  # brevo, as it was called
    known = {kind.backend.split(".")[2] for kind in ANYMAIL.values()}
    found = {module.name for module in pkgutil.iter_modules(backends.__path__)}
    assert found - abstract - renamed == known


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("smtp://user:hunter2@mail.example:587", "smtp://***@mail.example:587"),
        ("postmark://hunter2", "postmark://***"),
        ("mailgun://hunter2@mg.example", "mailgun://***@mg.example"),
        (
            "ses://?region_name=eu-west-1&aws_secret_access_key=hunter2",
            "ses://?region_name=eu-west-1&aws_secret_access_key=***",
        ),
    ],
)
def test_what_is_shown_of_a_url_holds_no_secret(url, masked):
    assert parse(url).masked == masked


def test_composites_nest():
    tree = parse("failover(split(90 postmark://T 10 ses://) smtp://mail.example)")

    assert isinstance(tree, Failover)
    first, second = tree.children
    assert isinstance(first, Split)
    assert first.weights == (90, 10)
    assert [child.name for child in first.children] == ["postmark", "ses"]
    assert second.name == "smtp:mail.example"


def test_equal_providers_share_an_alias_and_others_are_numbered():
    mailers = MailerTree()
    one = mailers.add(parse("smtp://a:1@mail.example"))
    same = mailers.add(parse("smtp://a:1@mail.example"))
    other = mailers.add(parse("smtp://b:2@mail.example"))

    assert (one, same, other) == ("smtp:mail.example", "smtp:mail.example", "smtp:mail.example-2")


def test_a_route_names_its_children():
    mailers = MailerTree()
    alias = mailers.add(parse("failover(postmark://T smtp://mail.example)"))

    assert alias == "failover:postmark, smtp:mail.example"
    assert mailers.mailers[alias]["OPTIONS"] == {"via": ["postmark", "smtp:mail.example"]}
