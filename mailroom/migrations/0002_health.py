
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailroom', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ChannelPace',
            fields=[
                ('channel', models.CharField(max_length=50, primary_key=True, serialize=False)),
                ('free_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'verbose_name': "channel's pace",
                'verbose_name_plural': "channels' paces",
            },
        ),
        migrations.AlterModelOptions(
            name='mailerhealth',
            options={'permissions': [('manage_mailers', 'Can pause, drain and test providers')], 'verbose_name': 'provider health', 'verbose_name_plural': 'provider health'},
        ),
        migrations.AddField(
            model_name='mailerhealth',
            name='failed_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='last failure'),
        ),
        migrations.AddField(
            model_name='mailerhealth',
            name='mode',
            field=models.CharField(blank=True, choices=[('', 'in use'), ('paused', 'paused'), ('draining', 'draining')], max_length=10, verbose_name='mode'),
        ),
        migrations.AddField(
            model_name='mailerhealth',
            name='rests',
            field=models.PositiveIntegerField(default=0, verbose_name='cool-downs in a row'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['finished_at'], name='delivery_by_end'),
        ),
    ]
