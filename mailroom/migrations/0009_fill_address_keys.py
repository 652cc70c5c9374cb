"""Give every address its key, in batches that commit by themselves and can be repeated."""

from django.db import IntegrityError, migrations, transaction
from django.db.models import Count, F, Min

from mailroom.addresses import address_key, for_wire

BATCH = 1000  # rows in memory and in a statement


def batches(rows, *columns):
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", *columns)[:BATCH]):
        yield batch
        last = batch[-1][0]


def fill_deliveries(apps, schema_editor):
    rows = apps.get_model("mailroom", "Delivery").objects.using(schema_editor.connection.alias)
    for batch in batches(rows, "address", "state"):
        with transaction.atomic(rows.db):
            same = [pk for pk, address, _ in batch if address_key(address) == address]
            rows.filter(pk__in=same).update(address_key=F("address"))
            for pk, address, state in batch:
                key = address_key(address)[:320]
                if key != address:
                    new = for_the_wire(address) if state == "queued" else address
                    rows.filter(pk=pk).update(address_key=key, address=new)
    merge_deliveries(apps, rows)


def for_the_wire(address):
    try:
        return for_wire(address)[:320]
    except ValueError:
        return address  # its attempt fails, and says why


def merge_deliveries(apps, rows):
    """Where a message has two rows for one address, keep the older one, with both rows' events."""
    events = apps.get_model("mailroom", "Event").objects.using(rows.db)
    keyed = rows.exclude(address_key=None).order_by().values("message", "address_key")
    for twice in keyed.annotate(first=Min("pk"), rows=Count("pk")).filter(rows__gt=1):
        same = rows.filter(message=twice["message"], address_key=twice["address_key"])
        others = list(same.exclude(pk=twice["first"]).values_list("pk", flat=True))
        with transaction.atomic(rows.db):
            events.filter(delivery__in=others).update(delivery=twice["first"])
            rows.filter(pk__in=others).delete()


def rewrite_events(apps, schema_editor):
    rows = apps.get_model("mailroom", "Event").objects.using(schema_editor.connection.alias)
    for batch in batches(rows, "address"):
        for pk, address in batch:
            if address_key(address) != address:
                rows.filter(pk=pk).update(address=address_key(address)[:320])


def rewrite_suppressions(apps, schema_editor):
    """Where the key has a row with the same scope already, the one that stops more stays."""
    rows = apps.get_model("mailroom", "Suppression").objects.using(schema_editor.connection.alias)
    for batch in batches(rows, "address"):
        for pk, address in batch:
            if address_key(address) == address:
                continue
            one = rows.get(pk=pk)
            try:
                with transaction.atomic(rows.db):
                    rows.filter(pk=pk).update(address=address_key(address)[:320])
            except IntegrityError:
                other = rows.get(address=address_key(address)[:320], channel=one.channel)
                weaker = other if weight(one) > weight(other) else one
                with transaction.atomic(rows.db):
                    rows.filter(pk=weaker.pk).delete()
                    rows.filter(pk=pk).update(address=other.address)


def weight(row):
    """An open end before a date, a bounce, which stops everything, before other reasons."""
    return (row.until is None, row.reason == "bounced")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("mailroom", "0008_address_key")]

    operations = [
        migrations.RunPython(fill_deliveries, migrations.RunPython.noop),
        migrations.RunPython(rewrite_events, migrations.RunPython.noop),
        migrations.RunPython(rewrite_suppressions, migrations.RunPython.noop),
    ]
