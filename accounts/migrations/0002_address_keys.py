"""Write each account's address as its key: the domain as an A-label."""

from django.db import IntegrityError, migrations, transaction

from mailroom.addresses import address_key

BATCH = 1000  # rows in memory


def rewrite(apps, schema_editor):
    """Two accounts with one key stay as they are: only their owners can say which one goes."""
    for app, model in (("accounts", "User"), ("account", "EmailAddress")):
        rows = apps.get_model(app, model).objects.using(schema_editor.connection.alias)
        last = 0
        while batch := list(
            rows.filter(pk__gt=last).order_by("pk").values_list("pk", "email")[:BATCH]
        ):
            last = batch[-1][0]
            for pk, email in batch:
                if address_key(email) != email:
                    give_key(rows.filter(pk=pk), address_key(email))


def give_key(row, key):
    try:
        with transaction.atomic(row.db):
            row.update(email=key)
    except IntegrityError:
        return  # another account has it


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0001_initial"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [migrations.RunPython(rewrite, migrations.RunPython.noop)]
