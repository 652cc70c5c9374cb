from django.db import migrations, models
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    dependencies = [("mailroom", "0009_fill_address_keys")]

    operations = [
        migrations.AddConstraint(
            "delivery",
            models.UniqueConstraint(
                models.F("message"), Coalesce("address_key", "address"), name="one_delivery_a_key"
            ),
        ),
        migrations.RemoveConstraint("delivery", "one_delivery_an_address"),
        migrations.RemoveIndex("delivery", "delivery_by_address"),
    ]
