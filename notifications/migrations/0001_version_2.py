# Columns are in the order that PostgreSQL has them in where the old migrations made the tables.

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    # A database has to have all of them: the commit is the last one that had their files.
    replaces = [
        ('notifications', '0001_initial'),
        ('notifications', '0002_kinds_and_digests'),
    ]
    upgrades_from = 'commit a053659 (the last of version 1)'

    dependencies = [
        ('accounts', '__first__'),
        ('mailroom', '0001_version_2'),
    ]

    operations = [
        migrations.CreateModel(
            name='Announcement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=150, validators=[django.core.validators.RegexValidator('^[^\\x00-\\x1f\\x7f\\x85\\u2028\\u2029\\ue000\\ue001]*$', 'It must be one line of ordinary text.')], verbose_name='title')),
                ('body', models.TextField(help_text='Markdown', validators=[django.core.validators.RegexValidator('^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\ue000\\ue001]*$', "Control characters aren't allowed.")], verbose_name='text')),
                ('state', models.CharField(choices=[('draft', 'draft'), ('sending', 'being sent'), ('sent', 'sent')], default='draft', editable=False, max_length=10, verbose_name='state')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='written at')),
                ('sent_at', models.DateTimeField(editable=False, null=True, verbose_name='sent at')),
                ('author', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ('audience', models.CharField(choices=[('everybody', 'everyone with an account'), ('staff', 'who may use the admin')], default='everybody', max_length=10, verbose_name='audience')),
                ('language', models.CharField(blank=True, choices=[('en', 'English'), ('fr', 'Français'), ('pa', 'ਪੰਜਾਬੀ')], help_text='Empty: all languages.', max_length=10, verbose_name='language')),
            ],
            options={
                'verbose_name': 'announcement',
                'verbose_name_plural': 'announcements',
                'permissions': [('send_announcement', 'Can send announcements to everybody')],
            },
        ),
        migrations.CreateModel(
            name='Mailing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=50)),
                ('event', models.CharField(max_length=200)),
                ('language', models.CharField(choices=[('en', 'English'), ('fr', 'Français'), ('pa', 'ਪੰਜਾਬੀ')], max_length=10)),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='mailroom.message')),
            ],
            options={
                'verbose_name': 'mailing',
                'verbose_name_plural': 'mailings',
                'constraints': [models.UniqueConstraint(fields=('kind', 'event', 'language'), name='one_mailing_an_event_and_language')],
            },
        ),
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=50, verbose_name='kind')),
                ('data', models.JSONField(blank=True, default=dict)),
                ('actor', models.CharField(blank=True, max_length=200, verbose_name='by')),
                ('target_url', models.CharField(blank=True, max_length=500, verbose_name='about')),
                ('dedupe_key', models.CharField(blank=True, max_length=200, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='at')),
                ('read_at', models.DateTimeField(blank=True, null=True, verbose_name='read at')),
                ('mailed_at', models.DateTimeField(blank=True, null=True, verbose_name='emailed at')),
                ('recipient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to=settings.AUTH_USER_MODEL)),
                ('batch_key', models.CharField(blank=True, max_length=200)),
                ('by_digest', models.BooleanField(default=False, verbose_name='sent in a digest')),
            ],
            options={
                'verbose_name': 'notification',
                'verbose_name_plural': 'notifications',
                'indexes': [models.Index(fields=['recipient', '-id'], name='notification_inbox'), models.Index(fields=['recipient', 'kind', '-id'], name='notification_of_kind'), models.Index(condition=models.Q(('read_at', None)), fields=['recipient', '-id'], name='notification_unread'), models.Index(condition=models.Q(('by_digest', True), ('mailed_at', None), ('read_at', None)), fields=['recipient', '-id'], name='notification_for_digest'), models.Index(condition=models.Q(('read_at__isnull', False)), fields=['read_at'], name='notification_old')],
                'constraints': [models.UniqueConstraint(fields=('kind', 'dedupe_key', 'recipient'), name='one_notification_an_event')],
            },
        ),
        migrations.CreateModel(
            name='Preference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=50)),
                ('delivery', models.CharField(max_length=10)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='preferences', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'preference',
                'verbose_name_plural': 'preferences',
                'constraints': [models.UniqueConstraint(fields=('user', 'kind'), name='one_preference_a_kind')],
            },
        ),
        migrations.CreateModel(
            name='DueDigest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('due_at', models.DateTimeField(db_index=True, verbose_name='due at')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='due_digest', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'pending digest',
                'verbose_name_plural': 'pending digests',
            },
        ),
        migrations.CreateModel(
            name='Schedule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('every', models.CharField(choices=[('day', 'every day'), ('week', 'once a week')], default='day', max_length=4, verbose_name='Digest')),
                ('weekday', models.PositiveSmallIntegerField(choices=[(0, 'Monday'), (1, 'Tuesday'), (2, 'Wednesday'), (3, 'Thursday'), (4, 'Friday'), (5, 'Saturday'), (6, 'Sunday')], default=0, help_text='For a weekly digest.', verbose_name='On')),
                ('hour', models.PositiveSmallIntegerField(choices=[(0, '00:00'), (1, '01:00'), (2, '02:00'), (3, '03:00'), (4, '04:00'), (5, '05:00'), (6, '06:00'), (7, '07:00'), (8, '08:00'), (9, '09:00'), (10, '10:00'), (11, '11:00'), (12, '12:00'), (13, '13:00'), (14, '14:00'), (15, '15:00'), (16, '16:00'), (17, '17:00'), (18, '18:00'), (19, '19:00'), (20, '20:00'), (21, '21:00'), (22, '22:00'), (23, '23:00')], default=8, validators=[django.core.validators.MaxValueValidator(23)], verbose_name='At')),
                ('paused_until', models.DateField(blank=True, null=True, verbose_name='Pause all emails until')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='notification_schedule', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'schedule',
                'verbose_name_plural': 'schedules',
            },
        ),
    ]
