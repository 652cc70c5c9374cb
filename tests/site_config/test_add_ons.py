"""Adding an add-on is enough: its own variables name the mailer."""

import pytest
from environs import Env

from site_config.mailers import from_environment

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


def mail(monkeypatch, tmp_path, **variables):
    for name in ("MAILER_URL", *(name for case in CASES.values() for name in case[0])):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return from_environment(
        Env(eager=False), debug=False, public_url="https://www.example.com", var_dir=tmp_path
    )


@pytest.mark.parametrize("name", CASES)
def test_its_variables_make_the_mailer_of_every_channel(monkeypatch, tmp_path, name):
    variables, alias, option, value = CASES[name]

    found = mail(monkeypatch, tmp_path, **variables)

    assert found.faults == []
    assert found.mailers["password_reset"]["OPTIONS"]["via"] == alias
    assert found.mailers[alias]["OPTIONS"][option] == value


def test_our_own_variable_wins(monkeypatch, tmp_path):
    found = mail(
        monkeypatch, tmp_path, POSTMARK_API_TOKEN="t", MAILER_URL="smtp://u:p@mail.example.com"
    )

    assert found.mailers["default"]["OPTIONS"]["via"] == "smtp:mail.example.com"


def test_half_of_an_add_on_is_none(monkeypatch, tmp_path):
    found = mail(monkeypatch, tmp_path, MAILGUN_API_KEY="key")

    assert [fault.variable for fault in found.faults] == ["MAILER_URL"]


@pytest.mark.parametrize("text", ["nobody", "@", "a@b.example, x y"])
def test_a_staging_guard_that_can_not_be_read_is_a_fault(monkeypatch, tmp_path, text):
    found = mail(monkeypatch, tmp_path, MAILER_URL="console:", STAGING_MAIL=text)

    assert [fault.variable for fault in found.faults] == ["STAGING_MAIL"]
