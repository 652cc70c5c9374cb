"""Every email of allauth is one of ours: a type, a channel, a template, in three languages."""

from datetime import UTC, datetime
from pathlib import Path

import allauth
import pytest
from django.conf import settings
from django.core import checks, mail
from django.template.loader import get_template

from accounts.checks import every_allauth_email_has_a_type
from accounts.emails import TYPES, account_message
from tests.accounts.conftest import html_of

NAME = '<b>"Tom" & Jerry'
CONTEXT = {
    "activate_url": "http://mailroom.test/accounts/confirm-email/key/",
    "password_reset_url": "http://mailroom.test/accounts/password/reset/key/1-key/",
    "code": "ABC-DEF",
    "deleted_email": "old@example.com",
    "from_email": "old@example.com",
    "to_email": "ann@example.com",
    "ip": "192.0.2.7",
    "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
    "user_agent": "<script>alert(1)</script>",
}
CHANNELS = {
    "email_confirmation": "registration",
    "email_confirmation_signup": "registration",
    "account_already_exists": "registration",
    "password_reset_key": "password_reset",
    "password_reset_code": "password_reset",
    "login_code": "password_reset",
    "unknown_account": "password_reset",
}
SECRETS = {"accounts.confirm_email", "accounts.login_code"} | {
    "accounts.password_reset",
    "accounts.password_reset_code",
}
GREETED = [
    prefix
    for prefix, name in TYPES.items()
    if CHANNELS.get(prefix.rpartition("/")[2], "notifications") == "notifications"
    or name == "accounts.password_reset"
]


def shipped() -> set[str]:
    """What allauth's package holds, but for that of apps that are not installed."""
    folder = Path(allauth.__file__).parent / "templates"
    found = {path.relative_to(folder) for path in folder.rglob("email/*_message.txt")}
    names = {str(path).removesuffix("_message.txt") for path in found}
    return {name for name in names if name.split("/")[0] in {"account", "mfa", "usersessions"}}


@pytest.fixture
def queue(ann):
    """Queue one of allauth's emails to Ann, as the adapter does."""

    def send(prefix: str, language: str = "en"):
        ann.name, ann.language = NAME, language
        account_message(prefix, ann.email, {**CONTEXT, "user": ann}).send()

    return send


def test_all_that_allauth_ships_has_a_type():
    assert len(shipped()) >= 15
    assert {name for name in shipped() if not name.endswith("/base")} == set(TYPES)
    assert set(TYPES.values()) <= set(settings.MESSAGE_TYPES)


@pytest.mark.parametrize("name", sorted(set(TYPES.values())))
def test_each_type_has_a_template_and_the_right_class(name):
    get_template(f"emails/{name.replace('.', '/')}.html")
    row = settings.MESSAGE_TYPES[name]
    assert not row.bulk
    assert row.secret is (name in SECRETS)
    assert row.lasts or row.channel == "notifications"


@pytest.mark.parametrize("language", ["en", "fr", "pa"])
@pytest.mark.parametrize("prefix", TYPES)
def test_each_goes_out_whole_through_its_channel(queue, the_mail, prefix, language):
    queue(prefix, language)
    channel = settings.MESSAGE_TYPES[TYPES[prefix]].channel
    assert channel == CHANNELS.get(prefix.rpartition("/")[2], "notifications")
    message = the_mail()
    assert message.from_email == settings.MAILERS[channel]["OPTIONS"]["from_email"]
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"
    assert message.subject
    assert "\n" not in message.subject
    assert len(message.body) > 100
    assert f'<html lang="{language}"' in html_of(message)
    assert "<script>" not in html_of(message)
    assert "&lt;b" not in message.body
    assert "&quot;" not in message.body


@pytest.mark.parametrize("prefix", GREETED)
def test_a_name_is_escaped_in_html_and_not_in_text(queue, the_mail, prefix):
    queue(prefix)
    message = the_mail()
    assert f"Hello {NAME}," in message.body
    assert NAME not in html_of(message)
    assert '&lt;b&gt;"Tom" &amp; Jerry' in html_of(message).replace("&quot;", '"')


@pytest.mark.parametrize("prefix", TYPES)
def test_a_name_stays_away_from_an_unproven_address(somebody, the_mail, prefix):
    user = somebody("bob@example.com", verified=False, name="Buy at spam.example")
    account_message(prefix, user.email, {**CONTEXT, "user": user}).send()
    assert "spam.example" not in the_mail().message().as_string()


def test_an_unknown_e_mail_is_refused_by_name(db):
    with pytest.raises(LookupError, match="account/email/new_one"):
        account_message("account/email/new_one", "ann@example.com", {})


class TestCheck:
    def test_passes(self):
        assert every_allauth_email_has_a_type(None) == []
        assert every_allauth_email_has_a_type in checks.registry.registry.get_checks()

    def test_names_what_is_not_routed(self, settings):
        settings.MESSAGE_TYPES = {
            name: row
            for name, row in settings.MESSAGE_TYPES.items()
            if name != "accounts.login_code"
        }
        (fault,) = every_allauth_email_has_a_type(None)
        assert (fault.id, fault.obj) == ("accounts.E001", "account/email/login_code")


def test_nothing_goes_around_the_outbox(queue, mailoutbox):
    queue("account/email/login_code")
    assert mail.outbox == []
