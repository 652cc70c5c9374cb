"""`manage.py mailers`, and the checks that prove the registry whole."""

import json
from copy import deepcopy

import pytest
from django.core.management import call_command

from mailroom import checks
from mailroom.message_types import transactional
from site_config.mailers import MESSAGE_TYPES
from tests.processes import settings_with

pytestmark = pytest.mark.django_db  # where mail accounts are

SECRET = "hunter2"
ENVIRONMENT = {
    "MAILER_URL": f"smtp://user:{SECRET}@mail.example",
    "MAILER_URL_PASSWORD_RESET": f"failover(postmark://{SECRET} smtp://user:{SECRET}@mail.example)",
    "MAIL_FROM": "The site <site@example.com>",
    "MAIL_FROM_NEWSLETTERS": "News <news@example.com>",
    "SECRET_KEY": "x7-random-key-of-tests-Q2w9Zr4Lk8Vb",
    "PUBLIC_URL": "https://example.com",
    "DATABASE_URL": "postgres://127.0.0.1:1/name",
}


@pytest.fixture
def production(settings) -> None:
    """The mailers that ENVIRONMENT makes, in production."""
    found = settings_with(**ENVIRONMENT)
    assert found.CONFIGURATION_FAULTS == []
    settings.MAILERS, settings.MAILER_URLS = found.MAILERS, found.MAILER_URLS


@pytest.fixture
def told(production, capsys) -> dict:
    call_command("mailers", json=True)
    output = capsys.readouterr().out
    assert SECRET not in output
    return json.loads(output)


def test_json_lists_each_channel_with_providers_from_and_messages(told):
    channels = {channel["alias"]: channel for channel in told["channels"]}

    assert list(channels) == [
        "default",
        "registration",
        "password_reset",
        "notifications",
        "newsletters",
    ]
    assert channels["password_reset"]["providers"] == ["postmark", "smtp:mail.example"]
    assert channels["registration"]["providers"] == ["smtp:mail.example"]
    assert channels["registration"]["from"] == "The site <site@example.com>"
    assert channels["newsletters"]["from"] == "News <news@example.com>"
    assert "accounts.confirm_email" in channels["registration"]["messages"]


def test_json_lists_each_provider_once_with_its_secret_masked(told):
    assert {one["alias"]: one["url"] for one in told["providers"]} == {
        "smtp:mail.example": "smtp://***@mail.example",
        "postmark": "postmark://***",
    }


def test_every_message_type_has_exactly_one_channel(told):
    listed = [name for channel in told["channels"] for name in channel["messages"]]

    assert sorted(listed) == sorted(MESSAGE_TYPES)


def test_text_names_every_type_too(production, capsys):
    call_command("mailers")
    output = capsys.readouterr().out

    assert SECRET not in output
    assert [name for name in MESSAGE_TYPES if name not in output] == []


def test_a_whole_registry_passes_the_checks(production):
    assert checks.every_mailer_builds(None) == []
    assert checks.every_type_is_routed(None) == []
    assert checks.every_template_has_a_type(None) == []


def test_every_alias_that_does_not_build_is_told(production, settings):
    wrong = deepcopy(settings.MAILERS)
    wrong["postmark"]["OPTIONS"]["tokn"] = SECRET
    wrong["registration"]["OPTIONS"]["via"] = "nowhere"
    settings.MAILERS = wrong

    found = checks.every_mailer_builds(None)

    assert [(fault.id, fault.obj) for fault in found] == [
        ("mailroom.E001", "registration"),
        ("mailroom.E001", "postmark"),
    ]
    assert "nowhere" in found[0].msg
    assert SECRET not in found[1].msg


def test_a_type_without_a_channel_is_told(production, settings):
    settings.MESSAGE_TYPES = {"accounts.confirm_email": transactional("pigeons")}

    (found,) = checks.every_type_is_routed(None)

    assert (found.id, found.obj) == ("mailroom.E002", "accounts.confirm_email")


def test_templates_without_a_type_and_types_without_a_template_are_told(production, settings):
    types = dict(settings.MESSAGE_TYPES)
    del types["accounts.login_code"]
    settings.MESSAGE_TYPES = {**types, "accounts.birthday": transactional("registration")}

    found = checks.every_template_has_a_type(None)

    assert [(fault.id, fault.obj) for fault in found] == [
        ("mailroom.W004", "accounts.login_code"),
        ("mailroom.W005", "accounts.birthday"),
    ]
