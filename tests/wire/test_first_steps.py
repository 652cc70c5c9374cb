"""A site of which nothing was set up but `migrate`, with its own processes."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.mailroom.fakes.smtp import SMTPServer
from tests.processes import ROOT, Site, until
from tests.visitor import Visitor
from tests.wire.test_four_mailers import NEW_PASSWORD, reset_password, sign_up


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, DEBUG="1", VAR_DIR=str(tmp_path / "var"))


@pytest.mark.parametrize("runserver", [False, True])
def test_after_migrate_alone_people_sign_up_confirm_reset_and_sign_in(
    site: Site, runserver: bool
) -> None:
    with SMTPServer() as server:
        site.environment["MAILER_URL"] = server.url
        site.manage("migrate", "--no-input", "-v0")
        with site.running(runserver=runserver):
            reader = Visitor(site.url)
            sign_up(reader, server)
            reader.post("/accounts/logout/")
            reset_password(reader, server, 2)
            profile = Visitor(site.url).log_in("zoe@reader.test", NEW_PASSWORD)

    assert "zoe@reader.test" in profile.text
    assert profile.url == f"{site.url}/accounts/profile/"


def test_processes_that_start_before_migrate_say_so_and_go_on_after_it(site: Site) -> None:
    web = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{site.port}"]
    commands = [*web, "site_config.wsgi"], [sys.executable, "manage.py", "worker"]
    with site.log.open("wb") as log:
        processes = [
            subprocess.Popen(one, cwd=ROOT, env=site.environment, stdout=log, stderr=log)
            for one in commands
        ]
    try:
        until(lambda: "Migrations pending" in site.log.read_text(), "the worker to say so")
        until(lambda: answer(site) is not None, "the web")
        assert answer(site)["database"] == "Migrations pending: run manage.py migrate"

        site.manage("migrate", "--no-input", "-v0")
        until(site.is_ready, "both to go on")
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)
    assert "The database is away" not in site.log.read_text()


def answer(site: Site) -> dict | None:
    try:
        return requests.get(f"{site.url}/readyz", timeout=5).json()
    except requests.ConnectionError:
        return None
