"""While a release is rolled out, the code of the release before works on the new tables.

So a migration after `FIRST` adds, or takes away what no code uses any more: docs/operate.md.
"""

import pytest
from django.db.migrations import operations
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED

APPS = ("accounts", "mailroom", "newsletters", "notifications")

# The last migration of the first release that anybody runs: tables were new until there.
FIRST = {"accounts": 1, "mailroom": 5, "newsletters": 5, "notifications": 2}

# Operations that take away what the release before no longer used: (app, migration) and why.
ALLOWED: dict[tuple[str, str], str] = {
    ("newsletters", "0011_import_problems"): "alters choices, which are not in the table",
    ("mailroom", "0014_engine"): "one field has another name, and its column the same",
}

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
    loader = MigrationLoader(None, ignore_no_migrations=True)
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app in APPS and int(name[:4]) > FIRST[app] and (app, name) not in ALLOWED:
            yield migration


def test_migrations_leave_the_release_before_alive():
    found = {str(migration): faults(migration) for migration in later_migrations()}
    assert {name: what for name, what in found.items() if what} == {}


def test_those_that_do_not_are_told():
    from django.db import migrations, models

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


@pytest.mark.parametrize("app", APPS)
def test_the_first_release_is_one_that_exists(app):
    names = [name for one, name in MigrationLoader(None).disk_migrations if one == app]
    assert FIRST[app] in {int(name[:4]) for name in names}
