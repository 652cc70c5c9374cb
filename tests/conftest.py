"""What tests of every app may use."""

import os
from collections.abc import Callable, Generator, Iterator
from copy import deepcopy

import pytest
from django.conf import settings as django_settings
from django.core.management.commands import flush
from django.db import connections, transaction
from django.utils import translation

from mailroom import tasks
from mailroom.delivery import breaker, shutdown
from mailroom.worker import process
from site_config import logs
from site_config import settings as site_settings

# What waits for real processes and browsers begins first, so that the quick ones fill the gaps.
SLOW = ("tests/browser", "tests/wire", "tests/mailroom/delivery/test_crash", "tests/bin")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-translations",
        action="store_true",
        help="fail on texts without a French or Punjabi translation, instead of listing them",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if (
        report.failed
        and item.get_closest_marker("translations")
        and call.excinfo.errisinstance(AssertionError)
        and not item.config.getoption("--require-translations")
    ):
        report.outcome, report.wasxfail = "skipped", "not translated"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what is not translated, where that does not fail the tests, and what bin/test found."""
    waiting = terminalreporter.getreports("xfailed")
    found: dict[str, set[str]] = {}
    for report in waiting:
        found.setdefault("tests that wait for translations", set()).add(report.nodeid)
        for what, texts in report.user_properties:
            found.setdefault(what, set()).update(map(repr, texts))
    for what, lines in found.items():
        if lines:
            terminalreporter.section(f"{what}: {len(lines)}")
            for line in sorted(lines):
                terminalreporter.line(f"  {line}")
    if failed := os.environ.get("FAILED_BEFORE", "").strip(" ,"):
        terminalreporter.section("FAILED before the tests", red=True)
        terminalreporter.line(f"{failed}: see above")


def _empty_what_has_rows(self: flush.Command, *, database: str, **options: object) -> None:
    """Do what manage.py flush does, but keep what migrate writes: content types and permissions.

    To empty every table and to write those again would be most of the time of a quick test.
    """
    connection = connections[database]
    kept = {"django_content_type", "auth_permission", "django_migrations"}
    names = sorted({*connection.introspection.django_table_names(only_existing=True)} - kept)
    tables = [connection.ops.quote_name(name) for name in names]
    ask = " UNION ALL ".join(
        f"SELECT {n} WHERE EXISTS (SELECT 1 FROM {table})" for n, table in enumerate(tables)
    )
    with transaction.atomic(using=database), connection.cursor() as cursor:
        cursor.execute(ask)
        for (number,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {tables[number]}")


@pytest.fixture(autouse=True, scope="session")
def _quick_flush() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush.Command, "handle", _empty_what_has_rows)
        yield


@pytest.fixture(autouse=True)
def _nothing_left_over() -> Iterator[None]:
    yield
    shutdown._wanted.clear()
    breaker.forget()
    tasks._away_until = 0
    logs.forget_errors()
    translation.deactivate()  # a request leaves its visitor's language to the thread


@pytest.fixture(autouse=True)
def _quick_hashes(settings) -> None:
    """A hash that is slow on purpose would be most of the time of the tests of accounts."""
    settings.ERROR_EMAIL_STATE = None
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def outbox_mailers(settings) -> dict[str, dict]:
    """The site's real channels over one provider in memory: mail goes through the outbox."""
    mailers = deepcopy(site_settings.MAILERS)
    for entry in mailers.values():
        if "via" in entry.get("OPTIONS", {}):
            entry["OPTIONS"]["via"] = "memory"
    mailers["memory"] = {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}
    settings.MAILERS = mailers
    settings.MAILER_URLS, settings.MAILER_SENDERS = {"memory": "memory:"}, {}
    return mailers


@pytest.fixture
def drain(transactional_db) -> Callable[[], None]:
    """Do in-process all that a worker would do now: tasks, due mail, the clock's work."""
    assert django_settings.TASKS["default"]["BACKEND"].startswith("django_ox")
    return process.drain
