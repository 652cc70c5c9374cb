from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mailroom", "0012_event_kinds")]

    operations = [
        migrations.AddField(
            "delivery", "address_key", models.EmailField(editable=False, max_length=320, null=True)
        ),
        migrations.AddField(
            "event",
            "is_signed",
            models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddIndex(
            "delivery", models.Index(fields=["address_key"], name="delivery_by_key")
        ),
    ]
