"""Write each subscription's address as its key: the domain as an A-label."""

from django.db import migrations, transaction

from mailroom.addresses import address_key

BATCH = 1000  # rows in memory


def rewrite(apps, schema_editor):
    """Where the key is subscribed already, one row stays, and who has unsubscribed stays out."""
    rows = apps.get_model("newsletters", "Subscription").objects.using(
        schema_editor.connection.alias
    )
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", "email")[:BATCH]):
        last = batch[-1][0]
        for pk, email in batch:
            if address_key(email) != email:
                with transaction.atomic(rows.db):
                    give_key(rows, rows.get(pk=pk), address_key(email))


def give_key(rows, one, key):
    other = rows.filter(newsletter=one.newsletter_id, email=key).first()
    if other is None:
        rows.filter(pk=one.pk).update(email=key)
        return
    # The links of a confirmed subscription are in its reader's mailbox: it stays.
    stays, goes = (one, other) if one.confirmed_at and not other.confirmed_at else (other, one)
    rows.filter(pk=goes.pk).delete()
    rows.filter(pk=stays.pk).update(email=key)
    if goes.state == "unsubscribed" and stays.state != "unsubscribed":
        rows.filter(pk=stays.pk).update(
            state="unsubscribed", unsubscribed_at=goes.unsubscribed_at, confirmation_wanted=False
        )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("newsletters", "0006_importing")]

    operations = [migrations.RunPython(rewrite, migrations.RunPython.noop)]
