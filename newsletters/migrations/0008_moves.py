from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("newsletters", "0007_address_keys")]

    operations = [
        migrations.AddField(
            "subscription",
            "moves",
            models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
