"""Which providers the sandbox plays, and who may make them fail."""

import sys

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

import sandbox
from home.demo.environment import write
from mailroom.config.mailers import MailerTree
from mailroom.config.urls import parse
from sandbox.accounts import accounts
from sandbox.apps import SandboxConfig
from sandbox.behaviour import Mode, mode_of, persona
from tests.processes import settings_with

pytestmark = pytest.mark.django_db  # where mail accounts are

POSTMARK = "postmark://KEY?api_url=http://127.0.0.1:8026/"


@pytest.fixture
def carried(settings):
    def configure(url: str) -> None:
        tree = MailerTree()
        tree.add(parse(url))
        settings.MAILERS, settings.MAILER_URLS = tree.mailers, tree.urls
        settings.WEBHOOK_SECRETS, settings.PUBLIC_URL = ["u:p"], "http://site.test"
        settings.DEBUG, settings.ROOT_URLCONF = True, "tests.site_config.urls"

    return configure


def test_it_plays_the_providers_on_this_machine_and_no_other(carried):
    carried(
        f"failover({POSTMARK} smtp+plain://127.0.0.1:8025 smtp+plain://mail.example.com"
        " smtp://127.0.0.1 mailgun://K@mail.example.com console:)"
    )

    postmark, smtp = accounts()

    assert (postmark.kind, postmark.port, postmark.key) == ("postmark", 8026, "KEY")
    assert postmark.webhook_url == "http://site.test/mail/webhooks/postmark/tracking/"
    assert (smtp.alias, smtp.kind, smtp.port) == ("smtp:127.0.0.1:8025", "smtp", 8025)


def test_the_demos_settings_know_the_keys_of_its_webhooks(tmp_path):
    write(tmp_path, 8000)
    found = settings_with(ENV_FILE=str(tmp_path / "demo.env"))

    assert found.CONFIGURATION_FAULTS == []
    assert found.WEBHOOK_SECRETS[0].startswith("sandbox:")
    assert found.WEBHOOK_KEYS["mailgun"][0] in found.WEBHOOK_SECRETS[0]


def test_it_is_refused_in_production(settings):
    settings.DEBUG = False

    with pytest.raises(ImproperlyConfigured, match="DEBUG=1"):
        SandboxConfig("sandbox", sandbox).ready()
    with pytest.raises(CommandError, match="DEBUG only"):
        call_command("sandbox")


def test_without_its_mail_server_the_command_says_what_to_install(settings, monkeypatch):
    settings.DEBUG = True
    monkeypatch.setitem(sys.modules, "aiosmtpd", None)  # as where it is not installed
    with pytest.raises(CommandError, match="aiosmtpd: run bin/setup"):
        call_command("sandbox")


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("bounce@example.com", "bounce"),
        ("BOUNCE+ann@example.com", "bounce"),
        ("soft-bounce.2@x.test", "soft-bounce"),
        ("complaint7@example.com", "complaint"),
        ("bouncer@example.com", ""),
        ("ann@bounce.example", ""),
    ],
)
def test_the_local_part_decides(address, who):
    assert persona(address) == who


@pytest.mark.django_db
class TestPage:
    URL, ACT = "/sandbox/", "/sandbox/mode/"

    @pytest.fixture(autouse=True)
    def _carried(self, carried):
        carried(POSTMARK)

    @pytest.fixture
    def chief(self, client):
        user = get_user_model().objects.create_user("chief@example.com", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="manage_mailers"))
        client.force_login(user)
        return client

    def test_makes_a_provider_fail_and_work_again(self, chief):
        for mode in (Mode.REFUSE, Mode.WORKS):
            page = chief.post(self.ACT, {"alias": "postmark", "mode": mode}, follow=True)
            assert f"postmark {mode.label}." in page.text
            assert mode_of("postmark") == mode

    @pytest.mark.parametrize("wrong", [{"alias": "nobody"}, {"mode": "explode"}])
    def test_refuses_what_it_does_not_know(self, chief, wrong):
        fields = {"alias": "postmark", "mode": "refuse", **wrong}
        assert chief.post(self.ACT, fields).status_code == 400

    def test_is_for_those_who_manage_mailers(self, client):
        assert client.get(self.URL).status_code == 302
        user = get_user_model().objects.create_user("clerk@example.com", is_staff=True)
        client.force_login(user)
        assert client.get(self.URL).status_code == 403
        assert client.post(self.ACT, {"alias": "postmark", "mode": "lose"}).status_code == 403

    def test_is_not_there_in_production(self, chief, settings):
        settings.DEBUG = False
        assert chief.get(self.URL).status_code == 404
