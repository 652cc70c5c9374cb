"""What a deployment is checked for, and the headers that it answers with."""

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT

WHOLE = {
    "SECRET_KEY": "v7W-long-and-random-" + "".join(chr(97 + n % 26) for n in range(40)),
    "PUBLIC_URL": "https://www.example.com",
    "DATABASE_URL": "postgres://user:password@127.0.0.1:1/name",
    "MAILER_URL": "smtp://user:password@mail.example.com",
    "MAIL_FROM_NEWSLETTERS": "News <news@news.example.com>",
}
SETTINGS = """
from django.conf import settings
pool = settings.DATABASES["default"]["OPTIONS"].get("pool")
print(pool and pool["max_size"], settings.DATABASES["default"]["CONN_MAX_AGE"],
      settings.CACHES["default"]["BACKEND"].rpartition(".")[2])
"""


def run(*arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": "", **WHOLE, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_djangos_deployment_checks_have_nothing_to_say():
    output = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert "no issues (3 silenced)" in output


def test_pool_and_cache_are_chosen_by_their_variables():
    shell = ["manage.py", "shell", "-v0", "-c", SETTINGS]

    assert run(*shell).split() == ["None", "60", "DatabaseCache"]
    chosen = run(*shell, DATABASE_POOL_SIZE="4", CACHE_URL="redis://127.0.0.1:1/0")
    assert chosen.split() == ["4", "0", "RedisCache"]


@pytest.mark.django_db
def test_a_page_says_what_it_may_do_and_who_may_embed_it(client):
    answer = client.get("/accounts/login/")

    assert "camera=()" in answer["Permissions-Policy"]
    assert "publickey-credentials-get=(self)" in answer["Permissions-Policy"]
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.mark.django_db
def test_a_prober_that_finds_nobody_at_work_mails_nobody(client, settings, mailoutbox):
    settings.DEBUG, settings.ADMINS = False, ["boss@example.com"]

    assert client.get("/readyz").status_code == 503
    assert mailoutbox == []


@pytest.mark.django_db
def test_strangers_can_not_fill_a_mailbox_by_broken_links(client, settings, mailoutbox):
    settings.DEBUG, settings.MANAGERS = False, ["boss@example.com"]

    for number in range(30):
        client.get(f"/none/{number}/", headers={"Referer": "http://testserver/"})

    assert len(mailoutbox) == 20
