"""Error emails to ADMINS: the same error once in ten minutes, about twenty an hour, no more."""

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from site_config import logs
from tests.mailroom.fakes.smtp import SMTPServer
from tests.processes import ROOT

logger = logging.getLogger("mailroom.tests")


@pytest.fixture(autouse=True)
def _admins(settings) -> None:
    settings.ADMINS = ["ops@example.com"]
    settings.DEBUG = False


def fail(word: str) -> None:
    try:
        raise ValueError(f"no {word}")
    except ValueError:
        logger.exception("A page failed: %s", word)


def fail_elsewhere(number: int) -> None:
    """Fail at a line of its own."""
    code = compile("\n" * number + "raise ValueError('no')", "strangers.py", "exec")
    try:
        exec(code)
    except ValueError:
        logger.exception("A page failed.")


def test_the_same_error_is_sent_once_in_ten_minutes_and_then_counted():
    for number in range(30):
        fail(f"word-{number}")
    assert len(mail.outbox) == 1

    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        fail("again")

    assert len(mail.outbox) == 2
    assert "this error 29 more times" in mail.outbox[1].body


def test_many_different_errors_are_capped_and_counted():
    for number in range(50):
        fail_elsewhere(number)
    assert len(mail.outbox) == logs.MOST_AN_HOUR

    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        fail("word")

    assert "other errors 30 times" in mail.outbox[-1].body


def test_a_clock_that_was_wrong_silences_nothing():
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        fail("tomorrow")
    fail("today")

    assert len(mail.outbox) == 2


@pytest.mark.parametrize("content", ["", "[1]", '{"sent": "x"}', '{"sent": [], "se'])
def test_a_broken_file_is_started_anew(settings, tmp_path, content):
    settings.ERROR_EMAIL_STATE = tmp_path / "state.json"
    settings.ERROR_EMAIL_STATE.write_text(content)

    fail("one")
    fail("two")

    assert len(mail.outbox) == 1


def test_without_a_file_memory_serves(settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.ERROR_EMAIL_STATE = tmp_path / "file" / "state.json"

    fail("one")
    fail("two")

    assert len(mail.outbox) == 1


def test_the_count_is_changed_by_one_at_a_time(tmp_path):
    def admitted(name: str) -> int:
        found = [logs._admit_in_file(f"{name}{n}", tmp_path / "state.json") for n in range(50)]
        return len(found) - found.count(None)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(admitted, "abcd")) == logs.MOST_AN_HOUR


ERRORS = """
import django, logging, sys
django.setup()
for word in ["same"] * 3 + [f"{sys.argv[1]}-{n}" for n in range(9)]:
    number = 0 if word == "same" else 1 + int(word.partition("-")[2]) + 100 * ord(word[0])
    try:
        exec(compile("\\n" * number + "raise ValueError('posted ' + word)", "view.py", "exec"))
    except ValueError:
        logging.getLogger("django.request").exception("Internal Server Error: /%s/", word)
"""


def test_three_processes_share_the_limit_at_a_real_server(tmp_path):
    with SMTPServer() as server:
        environment = os.environ | {
            "DEBUG": "0",
            "SECRET_KEY": "x7-random-key-of-tests-Q2w9Zr4Lk8Vb",
            "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
            "MAILER_URL": f"smtp+plain://127.0.0.1:{server.port}",
            "ADMINS": "ops@example.com",
            "VAR_DIR": str(tmp_path),
        }
        command = [sys.executable, "-c", ERRORS]
        running = [subprocess.Popen([*command, name], cwd=ROOT, env=environment) for name in "abc"]
        assert [one.wait() for one in running] == [0, 0, 0]
        subjects = [one.mail["Subject"] for one in server.received]

    assert len(subjects) == logs.MOST_AN_HOUR
    assert sum("/same/" in one for one in subjects) == 1
