"""Upgrades: from the last commit before the squashed migrations, and while a release is rolled out.

While a release is rolled out, the code of the release before works on the new tables. So a
migration after the first adds, or takes away what no code uses any more: docs/operate.md.
"""

import os
import re
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import connection, migrations, models
from django.db.migrations import operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import NOT_PROVIDED

from mailroom.delivery import shutdown
from mailroom.worker import readiness
from tests.processes import ROOT
from tests.services import Postgres

APPS = ("accounts", "mailroom", "newsletters", "notifications")
SQUASHED = {
    app: migration
    for (app, _), migration in MigrationLoader(None).disk_migrations.items()
    if app in APPS and migration.initial
}
COMMIT = re.search(r"commit (\w+)", SQUASHED["mailroom"].upgrades_from).group(1)


# -- A database of before --------------------------------------------------------------------------


@pytest.fixture
def recorded(db, monkeypatch) -> MigrationRecorder:
    """What the last commit before wrote of its migrations, beside the tables that it made."""
    monkeypatch.setattr(readiness, "_is_migrated", False)
    recorder = MigrationRecorder(connection)
    for app, migration in SQUASHED.items():
        recorder.record_unapplied(app, migration.name)
    return recorder


def test_a_database_of_the_last_commit_has_nothing_to_migrate(recorded, capsys):
    assert not readiness.migration_fault()  # the new code works before `migrate`, too

    call_command("migrate", skip_checks=False)

    assert "No migrations to apply." in capsys.readouterr().out
    assert {(app, one.name) for app, one in SQUASHED.items()} <= {*recorded.applied_migrations()}


@pytest.mark.parametrize("app", APPS)
def test_an_older_database_is_refused_with_the_commit_to_begin_with(
    recorded, app, client, monkeypatch
):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 0)
    recorded.record_unapplied(*SQUASHED[app].replaces[-1])
    before = {*recorded.applied_migrations()}
    sentence = rf"tables of {app} are too old.* with the code of commit {COMMIT} "

    with pytest.raises(SystemCheckError, match=sentence):
        call_command("migrate", skip_checks=False)
    with pytest.raises(SystemCheckError, match=sentence):
        call_command("check", databases=["default"])
    for command in (["worker", "--drain"], ["createsuperuser"]):
        with pytest.raises(CommandError, match=sentence):
            call_command(*command)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert re.search(sentence, answer.json()["database"])
    assert {*recorded.applied_migrations()} == before


def test_a_worker_waits_while_migrate_still_records_what_was_replaced(recorded, monkeypatch):
    last = SQUASHED["mailroom"].replaces[-1]
    recorded.record_unapplied(*last)
    monkeypatch.setattr(shutdown, "wait", lambda _seconds: recorded.record_applied(*last))

    readiness.wait_for_migrations()


def test_a_migrate_without_checks_refuses_it_too(recorded):
    recorded.record_unapplied(*SQUASHED["newsletters"].replaces[-1])

    with pytest.raises(CommandError, match=rf"newsletters are too old.* commit {COMMIT} "):
        call_command("migrate")


def test_the_changelog_names_the_commit():
    assert f"`{COMMIT}`" in (ROOT / "CHANGELOG.md").read_text()
    assert {COMMIT in migration.upgrades_from for migration in SQUASHED.values()} == {True}


# -- The same with that commit's code, and data ----------------------------------------------------

FILL = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("seed_demo", past=True)
call_command("migrate", "mailroom", "0015", verbosity=0)
"""


class SQLite:
    """A database, and what is in it."""

    def __init__(self, path: Path) -> None:
        self.path, self.url = path, f"sqlite:///{path}"

    def schema(self) -> object:
        """In any order of columns: a column that was renamed is in another place."""
        with closing(sqlite3.connect(self.path)) as db:
            parts = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            return {name: sorted(re.split(r"[\s(),]+", sql)) for name, sql in parts}

    def rows(self) -> str:
        """All but the list of migrations."""
        with closing(sqlite3.connect(self.path)) as db:
            rows = (line for line in db.iterdump() if line.startswith("INSERT"))
            return "\n".join(line for line in rows if "django_migrations" not in line)


class PostgreSQL:
    """The same on a server."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.tools, self.url = server.tools, f"{server.url.rpartition('/')[0]}/{name}"

    def schema(self) -> object:
        return self._dump("--schema-only")

    def rows(self) -> str:
        return self._dump("--data-only", "--inserts", "--exclude-table=django_migrations*")

    def _dump(self, *options: str) -> str:
        command = [f"{self.tools}pg_dump", self.url, *options]
        dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return re.sub(r"^\\(un)?restrict .*", "", dump, flags=re.MULTILINE)  # a random word


# Twenty seconds of work each, most of it to load one version of the code or the other.
ENGINES = [
    pytest.param("postgresql", marks=pytest.mark.postgres),
    pytest.param("sqlite", marks=pytest.mark.full),
]


@pytest.fixture(params=ENGINES)
def databases(request, tmp_path) -> Iterator[list[SQLite] | list[PostgreSQL]]:
    if request.param == "sqlite":
        yield [SQLite(tmp_path / name) for name in ("old", "new")]
        return
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder)) as server:
        with psycopg.connect(server.url, autocommit=True) as administrator:
            administrator.execute("CREATE DATABASE old")
            administrator.execute("CREATE DATABASE new")
        yield [PostgreSQL(server, name) for name in ("old", "new")]


@pytest.fixture(scope="module")
def last_before(tmp_path_factory) -> Path:
    """The code of that commit."""
    done = subprocess.run(["git", "archive", COMMIT], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this checkout has no history, so not the commit {COMMIT} either")
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder := tmp_path_factory.mktemp("before"), filter="data")
    return folder


def test_its_database_loses_nothing_and_an_older_one_is_left_alone(
    databases, last_before, tmp_path
):
    old, new = databases

    def run(database: SQLite | PostgreSQL, code: Path, *arguments: str) -> str:
        """What a command of one of the two versions printed, and the number it ended with."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=code,
            env={
                "PATH": os.environ["PATH"],
                "ENV_FILE": "",
                "DEBUG": "1",
                "SECRET_KEY": "x" * 40,
                "DATABASE_URL": database.url,
                "VAR_DIR": str(tmp_path),
                "DJANGO_SETTINGS_MODULE": "site_config.settings",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return f"{done.stdout}{done.returncode}"

    told = run(old, last_before, "-c", FILL)
    assert told.endswith("\n0"), told
    older = old.schema(), old.rows()
    told = run(old, ROOT, "manage.py", "migrate")
    assert told.endswith("1")
    assert told.count(COMMIT) == 1
    assert "Traceback" not in told
    assert (old.schema(), old.rows()) == older

    told = run(old, last_before, "manage.py", "migrate")  # as it was told to do
    assert "Applying mailroom.0016_released_at... OK" in told
    rows = old.rows()
    told = run(old, ROOT, "manage.py", "migrate")
    assert told.endswith("No migrations to apply.\n0"), told
    told = run(new, ROOT, "manage.py", "migrate")
    assert "Applying mailroom.0001_version_2... OK" in told
    assert old.schema() == new.schema()
    assert old.rows() == rows
    assert "mailroom_delivery" in rows
    assert run(new, last_before, "manage.py", "migrate", "--check") == "0"  # as after a rollback


# -- While a release is rolled out -----------------------------------------------------------------

# Operations that take away what the release before no longer used: (app, migration) and why.
ALLOWED: dict[tuple[str, str], str] = {}

BREAKING = (
    operations.RemoveField,
    operations.RenameField,
    operations.DeleteModel,
    operations.RenameModel,
    operations.AlterModelTable,
)


def faults(migration) -> list[str]:
    """What of a migration breaks the code of the release before."""
    return [
        f"{type(one).__name__} {one.describe()}"
        for one in migration.operations
        if isinstance(one, BREAKING) or _needs_a_value(one) or _is_opaque(one)
    ]


def _needs_a_value(operation) -> bool:
    """Without this column the old code cannot INSERT: Django's `default` is not in the table."""
    if not isinstance(operation, operations.AddField | operations.AlterField):
        return False
    field = operation.field
    return not (field.null or field.many_to_many or field.db_default is not NOT_PROVIDED)


def _is_opaque(operation) -> bool:
    return isinstance(operation, operations.RunSQL)


def later_migrations():
    for (app, name), migration in sorted(MigrationLoader(None).disk_migrations.items()):
        if app in APPS and not migration.initial and (app, name) not in ALLOWED:
            yield migration


def test_migrations_leave_the_release_before_alive():
    found = {str(migration): faults(migration) for migration in later_migrations()}
    assert {name: what for name, what in found.items() if what} == {}


def test_those_that_do_not_are_told():
    cases = {
        migrations.AddField("a", "b", models.TextField(null=True)): False,
        migrations.AddField("a", "b", models.TextField(db_default="")): False,
        migrations.AddIndex("a", models.Index(fields=["b"], name="b")): False,
        migrations.CreateModel("a", [("b", models.TextField())]): False,
        migrations.AddField("a", "b", models.TextField(default="")): True,
        migrations.AlterField("a", "b", models.TextField()): True,
        migrations.RemoveField("a", "b"): True,
        migrations.RenameField("a", "b", "c"): True,
        migrations.DeleteModel("a"): True,
        migrations.RunSQL("DROP TABLE a"): True,
    }
    for operation, is_told in cases.items():
        migration = migrations.Migration("0002_case", "app")
        migration.operations = [operation]
        assert bool(faults(migration)) is is_told, operation
