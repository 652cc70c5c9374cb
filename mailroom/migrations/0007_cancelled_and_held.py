from datetime import UTC, datetime

from django.db import migrations, models
from django.db.models import Exists, OuterRef
from django.utils import timezone

FAR_FUTURE = datetime(9000, 1, 1, tzinfo=UTC)


def hold_messages(apps, schema_editor):
    """Put on hold what the release before held by a date in the far future on each row.

    The rows keep that date until they are released: code of the release before, which may still
    run, would send them otherwise.
    """
    Message = apps.get_model("mailroom", "Message")
    Delivery = apps.get_model("mailroom", "Delivery")
    held = Delivery.objects.filter(
        message=OuterRef("pk"), state="queued", not_before__gte=FAR_FUTURE
    )
    Message.objects.filter(Exists(held), held_at=None).update(held_at=timezone.now())


class Migration(migrations.Migration):

    dependencies = [
        ('mailroom', '0010_one_delivery_a_key'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='cancel_reason',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=100, verbose_name='cancelled because'),
        ),
        migrations.RunPython(hold_messages, migrations.RunPython.noop, elidable=True),
    ]
