"""The next release is deployed while email is under way, and taken back: nothing is lost."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.deploy.conftest import PROCFILE, Production
from tests.processes import ROOT, until

pytestmark = [pytest.mark.postgres, pytest.mark.proxy]

EMAILS = 200  # of each stage, half of them bulk
PAGES = ("/", "/newsletters/", "/accounts/login/", "/accounts/password/reset/", "/notifications/")
NOT_THE_CODE = shutil.ignore_patterns(".git", ".venv", ".env", "var", "__pycache__", ".*_cache")
QUEUE = f"""
from django.core.mail import EmailMessage, send_mail
from django.db import transaction
from mailroom.outbox import Recipient, add_deliveries, freeze
with transaction.atomic():
    for n in range({EMAILS // 2}):
        send_mail("Reset", "Body", None, [f"STAGE{{n}}@people.test"], using="password_reset")
    message = freeze(EmailMessage("News", "Body"), "newsletters")
    message.is_bulk = True
    message.save()
    people = range({EMAILS // 2}, {EMAILS})
    add_deliveries(message, [Recipient(f"STAGE{{n}}@people.test", "") for n in people])
"""
# What the next release adds: as a migration may, so that this release works on with it.
ADDED = {
    "mailroom/models/delivery.py": "class Delivery(models.Model):",
    "accounts/models.py": "class User(",
}
FIELD = 'models.CharField(max_length=9, default="new", db_default="new")'
COLUMN = f"    of_the_next_release = {FIELD}\n"


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """A copy of the code with a column more in two tables, and the migrations for them."""
    code = shutil.copytree(ROOT, tmp_path / "next", ignore=NOT_THE_CODE)
    for name, line in ADDED.items():
        file = code / name
        head, found, tail = file.read_text().partition(line)
        rest, docstring_ends, body = tail.partition('"""\n' if '"""' in tail[:200] else ":\n")
        file.write_text(head + found + rest + docstring_ends + COLUMN + body)
    subprocess.run(
        [sys.executable, "manage.py", "makemigrations", "-v0"],
        cwd=code,
        env={"ENV_FILE": "", "DEBUG": "1", "SECRET_KEY": "x" * 40, "VAR_DIR": str(tmp_path)},
        check=True,
    )
    return code


def deploy(site: Production, code: Path) -> None:
    """Migrate while the release before works on, then end it and start the new one."""
    site.code = code
    site.run(PROCFILE["release"])
    works(site)
    site.stop()
    site.start()


def works(site: Production) -> None:
    """Every page answers, and what they write can be written."""
    assert [path for path in PAGES if site.get(path).status_code != 200] == []
    number = site.sql("SELECT count(*) FROM accounts_user")[0][0]
    visitor = site.visitor(f"127.0.0.{60 + number % 100}")
    password = "correct-horse-42"
    form = {"email": f"signed-up{number}@people.test", "password1": password}
    assert visitor.post("/accounts/signup/", **form, password2=password).ok
    assert site.sql("SELECT count(*) FROM accounts_user")[0][0] == number + 1
    assert site.get("/readyz").json()["database"] == "ok"


def received(site: Production, *beginnings: str) -> Counter[str]:
    everybody = (address for one in site.mail.received for address in one.recipients)
    return Counter(one for one in everybody if one.startswith(beginnings))


def queue(site: Production, stage: str) -> None:
    site.shell(QUEUE.replace("STAGE", stage))
    until(lambda: len(received(site, stage)) > 5, f"email of {stage} to be under way")


def test_an_upgrade_and_its_rollback_lose_no_email_and_break_no_page(
    production: Production, next_release: Path
):
    before = len(production.log)
    already = production.sql("SELECT count(*) FROM accounts_user")[0][0]
    try:
        queue(production, "before")
        deploy(production, next_release)
        works(production)
        queue(production, "after")
        deploy(production, ROOT)  # the rollback: its database is now ahead of the code
        works(production)
        queue(production, "again")
        stages = ("before", "after", "again")
        until(lambda: len(received(production, *stages)) == 3 * EMAILS, "all email to arrive")
    finally:
        production.code = ROOT
    signed_up = production.sql("SELECT count(*) FROM accounts_user")[0][0] - already
    until(lambda: len(received(production, "signed-up")) == signed_up, "the confirmations")

    columns = "SELECT count(*), count(of_the_next_release) FROM mailroom_delivery"
    assert len(set(production.sql(columns)[0])) == 1  # the database is ahead indeed
    assert set(received(production, *stages, "signed-up").values()) == {1}
    ours = "^(" + "|".join((*stages, "signed-up")) + ")"  # other tests leave rows of their own
    unsent = "SELECT state, address FROM mailroom_delivery WHERE state <> 'sent' AND address ~ %s"
    assert production.sql(unsent, ours) == []
    log = production.log[before:].splitlines()
    assert [line for line in log if "Traceback" in line] == []
