"""Django's usual commands: what a newcomer types who has not read about bin/demo."""

import subprocess
import sys

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from mailroom.models import WorkerBeat
from mailroom.worker import readiness
from tests.processes import ROOT, Site

pytestmark = pytest.mark.django_db
START_A_WORKER = "python manage.py worker"


@pytest.fixture
def chief(monkeypatch):
    """An administrator as `createsuperuser` makes one, before any email works."""
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct-horse-42")
    call_command("createsuperuser", interactive=False, email="Chief@Example.com", verbosity=0)
    return get_user_model().objects.get()


@pytest.fixture
def unmigrated(monkeypatch):
    monkeypatch.setattr(readiness, "_is_migrated", False)
    MigrationRecorder(connection).migration_qs.all().delete()


class TestCreateSuperuser:
    def test_its_administrator_signs_in_and_sees_the_staff_pages(self, chief, client):
        client.post("/accounts/login/", {"login": chief.email, "password": "correct-horse-42"})

        assert client.get("/admin/").status_code == 200
        assert client.get("/mail/status/").status_code == 200

    def test_it_says_that_the_address_is_verified(self, capsys):
        call_command("createsuperuser", interactive=False, email="chief@example.com")

        assert "chief@example.com is verified" in capsys.readouterr().out

    def test_it_verifies_nobody_else(self, chief, monkeypatch):
        other = get_user_model().objects.create_superuser("other@example.com")
        call_command("createsuperuser", interactive=False, email="third@example.com", verbosity=0)

        assert not other.emailaddress_set.exists()

    def test_without_tables_it_names_the_command(self, unmigrated):
        with pytest.raises(CommandError, match=r"run manage\.py migrate"):
            call_command("createsuperuser", interactive=False, email="chief@example.com")


class TestWithoutAWorker:
    @pytest.mark.parametrize("page", ["/admin/", "/mail/status/", "/"])
    def test_staff_pages_say_how_to_start_one(self, chief, client, page):
        client.force_login(chief)
        assert START_A_WORKER in client.get(page).text

        WorkerBeat.objects.create(name="one")
        assert START_A_WORKER not in client.get(page).text

    def test_visitors_are_told_in_development_only(self, client, settings):
        assert START_A_WORKER not in client.get("/").text

        settings.DEBUG, settings.ROOT_URLCONF = True, "tests.site_config.urls"
        assert START_A_WORKER in client.get("/").text


class TestUnmigratedDatabase:
    def test_readiness_names_the_command(self, unmigrated, client):
        answer = client.get("/readyz")

        assert answer.status_code == 503
        assert answer.json()["database"] == "Migrations pending: run manage.py migrate"

    @pytest.mark.parametrize("drain", [True, False])
    def test_a_worker_gives_up_after_its_patience(self, unmigrated, monkeypatch, drain):
        monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 0)
        monkeypatch.setattr("signal.signal", lambda *_: None)

        with pytest.raises(CommandError, match=r"run manage\.py migrate"):
            call_command("worker", drain=drain)

    def test_the_demo_data_names_the_command(self, unmigrated, settings):
        settings.DEBUG = True
        with pytest.raises(CommandError, match=r"run manage\.py migrate"):
            call_command("seed_demo")


@pytest.mark.parametrize("arguments", [[], ["newsletters", "--parallel", "--keepdb"]])
def test_the_command_test_names_the_one_that_runs_the_tests(arguments, tmp_path):
    command = [sys.executable, "manage.py", "test", *arguments]
    environment = Site(tmp_path, DEBUG="1").environment

    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "bin/test" in done.stderr
    assert "Traceback" not in done.stderr
