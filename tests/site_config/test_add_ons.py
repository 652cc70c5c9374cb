"""Adding an add-on is enough: its own variables name the mailer."""

import pytest

from tests.processes import settings_with

CASES = {
    "Postmark": ({"POSTMARK_API_TOKEN": "t-1"}, "postmark", "server_token", "t-1"),
    "Mailgun": (
        {"MAILGUN_API_KEY": "key/+1", "MAILGUN_DOMAIN": "mail.example.com"},
        "mailgun:mail.example.com",
        "api_key",
        "key/+1",
    ),
    "CloudMailin": (
        {"CLOUDMAILIN_SMTP_URL": "smtp://user:pw@smtp.example.com:587?starttls=true"},
        "smtp:smtp.example.com",
        "password",
        "pw",
    ),
    "SendGrid": ({"SENDGRID_API_KEY": "SG.x"}, "sendgrid", "api_key", "SG.x"),
}


PRODUCTION = {
    "SECRET_KEY": "x7-random-key-of-tests-Q2w9Zr4Lk8Vb",
    "PUBLIC_URL": "https://www.example.com",
    "DATABASE_URL": "postgres://user:pw@127.0.0.1:1/name",
}


def settings(**variables):
    return settings_with(**PRODUCTION, **variables)


@pytest.mark.parametrize("name", CASES)
def test_its_variables_make_the_mailer_of_every_channel(name):
    variables, alias, option, value = CASES[name]

    found = settings(**variables)

    assert found.CONFIGURATION_FAULTS == []
    assert found.MAILERS["password_reset"]["OPTIONS"]["via"] == alias
    assert found.MAILERS[alias]["OPTIONS"][option] == value


def test_our_own_variable_wins():
    found = settings(POSTMARK_API_TOKEN="t", MAILER_URL="smtp://u:p@mail.example.com")

    assert found.MAILERS["default"]["OPTIONS"]["via"] == "smtp:mail.example.com"


def test_half_of_an_add_on_is_none():
    found = settings(MAILGUN_API_KEY="key")

    assert [fault.variable for fault in found.CONFIGURATION_FAULTS] == ["MAILER_URL"]


@pytest.mark.parametrize("text", ["nobody", "@", "a@b.example, x y"])
def test_a_staging_guard_that_can_not_be_read_is_a_fault(text):
    found = settings(MAILER_URL="console:", STAGING_MAIL=text)

    assert [fault.variable for fault in found.CONFIGURATION_FAULTS] == ["STAGING_MAIL"]
