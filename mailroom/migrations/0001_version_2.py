# Columns are in the order that PostgreSQL has them in where the old migrations made the tables.

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.utils.timezone
import mailroom.models.mail_account
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    # A database has to have all of them: the commit is the last one that had their files.
    replaces = [
        ('mailroom', '0001_initial'),
        ('mailroom', '0002_health'),
        ('mailroom', '0003_feedback'),
        ('mailroom', '0004_fewer_index_entries'),
        ('mailroom', '0005_complaints'),
        ('mailroom', '0006_hold_and_attempts'),
        ('mailroom', '0007_cancelled_and_held'),
        ('mailroom', '0008_address_key'),
        ('mailroom', '0009_fill_address_keys'),
        ('mailroom', '0010_one_delivery_a_key'),
        ('mailroom', '0012_event_kinds'),
        ('mailroom', '0014_engine'),
        ('mailroom', '0015_mail_accounts'),
        ('mailroom', '0016_released_at'),
    ]
    upgrades_from = 'commit a053659 (the last of version 1)'

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('type', models.CharField(blank=True, max_length=100, verbose_name='type')),
                ('channel', models.CharField(max_length=50, verbose_name='channel')),
                ('is_bulk', models.BooleanField(default=False, verbose_name='bulk')),
                ('is_secret', models.BooleanField(default=False, verbose_name='erased when sent')),
                ('is_grouped', models.BooleanField(default=False)),
                ('subject', models.TextField(blank=True, verbose_name='subject')),
                ('body', models.TextField(blank=True, verbose_name='text')),
                ('from_email', models.TextField(verbose_name='from')),
                ('to', models.JSONField(blank=True, default=list)),
                ('cc', models.JSONField(blank=True, default=list)),
                ('bcc', models.JSONField(blank=True, default=list)),
                ('reply_to', models.JSONField(blank=True, default=list)),
                ('headers', models.JSONField(blank=True, default=dict)),
                ('content', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='queued at')),
                ('erased_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='erased at')),
                ('held_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='on hold since')),
                ('cancel_reason', models.CharField(blank=True, db_default='', default='', editable=False, max_length=100, verbose_name='cancelled because')),
                ('owner', models.CharField(blank=True, db_default='', default='', max_length=100, verbose_name='owner')),
                ('route', models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='route')),
                ('released_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
                'indexes': [models.Index(fields=['channel', '-created_at'], name='message_by_channel'), models.Index(fields=['created_at'], name='message_by_age'), models.Index(condition=models.Q(('held_at__isnull', False)), fields=['held_at'], name='message_on_hold')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(max_length=50, verbose_name='channel')),
                ('address', models.CharField(max_length=320, verbose_name='address')),
                ('name', models.CharField(blank=True, max_length=200, verbose_name='name')),
                ('values', models.JSONField(blank=True, default=dict)),
                ('state', models.CharField(choices=[('queued', 'queued'), ('sending', 'sending'), ('sent', 'sent'), ('failed', 'failed'), ('uncertain', 'uncertain'), ('skipped', 'skipped')], default='queued', max_length=10, verbose_name='state')),
                ('reason', models.CharField(blank=True, max_length=100, verbose_name='reason')),
                ('error', models.TextField(blank=True, verbose_name='error')),
                ('attempts', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='queued at')),
                ('not_before', models.DateTimeField(default=django.utils.timezone.now, verbose_name='not before')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='expires at')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished at')),
                ('leased_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('holder', models.CharField(blank=True, db_column='leased_by', editable=False, max_length=64)),
                ('alias', models.CharField(blank=True, max_length=200, verbose_name='provider')),
                ('provider_id', models.CharField(blank=True, max_length=200, verbose_name="provider's id")),
                ('feedback', models.CharField(blank=True, choices=[('delivered', 'delivered'), ('bounced', 'bounced'), ('complained', 'complained')], max_length=10, verbose_name='feedback')),
                ('message', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='mailroom.message')),
                ('address_key', models.EmailField(editable=False, max_length=320, null=True)),
                ('route', models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='route')),
            ],
            options={
                'verbose_name': 'delivery',
                'verbose_name_plural': 'deliveries',
                'permissions': [('send_again', 'Can send failed and uncertain deliveries again')],
                'indexes': [models.Index(condition=models.Q(('state', 'queued')), fields=['channel', 'route', 'not_before', 'message', 'id'], name='delivery_lane'), models.Index(condition=models.Q(('state', 'queued'), ('expires_at__isnull', False)), fields=['expires_at'], name='delivery_expiry'), models.Index(models.F('leased_until'), condition=models.Q(('state', 'sending')), name='delivery_in_flight'), models.Index(condition=models.Q(('state', 'failed'), ('state', 'uncertain'), _connector='OR'), fields=['channel', 'state'], name='delivery_trouble'), models.Index(fields=['message', 'state'], name='delivery_progress'), models.Index(fields=['address_key'], name='delivery_by_key'), models.Index(condition=models.Q(('feedback', 'bounced'), ('feedback', 'complained'), _connector='OR'), fields=['message', 'feedback'], name='delivery_complaint'), models.Index(models.F('provider_id'), condition=models.Q(('provider_id', ''), _negated=True), name='delivery_by_provider_id'), models.Index(models.F('finished_at'), condition=models.Q(('finished_at__isnull', False)), name='delivery_by_end')],
                'constraints': [models.UniqueConstraint(models.F('message'), django.db.models.functions.comparison.Coalesce('address_key', 'address'), name='one_delivery_a_key')],
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('alias', models.CharField(blank=True, max_length=200, verbose_name='provider')),
                ('outcome', models.CharField(choices=[('refused', 'refused'), ('sent', 'sent'), ('failed', 'failed'), ('uncertain', 'uncertain'), ('skipped', 'skipped')], max_length=10, verbose_name='outcome')),
                ('error', models.TextField(blank=True, verbose_name='error')),
                ('provider_id', models.CharField(blank=True, max_length=200, verbose_name="provider's id")),
                ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='at')),
                ('requeued_at', models.DateTimeField(blank=True, null=True, verbose_name='queued again at')),
                ('delivery', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='past_attempts', to='mailroom.delivery', verbose_name='delivery')),
            ],
            options={
                'verbose_name': 'attempt',
                'verbose_name_plural': 'attempts',
                'indexes': [models.Index(fields=['at'], name='attempt_by_age')],
            },
        ),
        migrations.CreateModel(
            name='OutcomeCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(max_length=50, verbose_name='channel')),
                ('alias', models.CharField(blank=True, max_length=200, verbose_name='provider')),
                ('state', models.CharField(max_length=10, verbose_name='state')),
                ('hour', models.DateTimeField(verbose_name='hour')),
                ('number', models.IntegerField(verbose_name='number')),
            ],
            options={
                'verbose_name': 'kept count',
                'verbose_name_plural': 'kept counts',
                'indexes': [models.Index(fields=['hour'], name='count_by_hour')],
            },
        ),
        migrations.CreateModel(
            name='DailyCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=250, verbose_name='name')),
                ('day', models.DateField(verbose_name='day')),
                ('number', models.PositiveIntegerField(default=0, verbose_name='number')),
            ],
            options={
                'verbose_name': 'daily count',
                'verbose_name_plural': 'daily counts',
                'constraints': [models.UniqueConstraint(fields=('name', 'day'), name='one_count_a_day')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=50, verbose_name='provider')),
                ('event_id', models.CharField(max_length=200, verbose_name='event id')),
                ('kind', models.CharField(choices=[('accepted', 'accepted'), ('deferred', 'delayed'), ('delivered', 'delivered'), ('soft_bounce', 'soft bounce'), ('hard_bounce', 'hard bounce'), ('rejected', 'not sent by the provider'), ('listed', 'not sent: complained earlier'), ('complained', 'complained'), ('unsubscribed', 'unsubscribed'), ('noted', 'without effect'), ('unknown', 'unknown')], db_default='unknown', max_length=30, verbose_name='kind')),
                ('address', models.CharField(blank=True, max_length=320, verbose_name='address')),
                ('description', models.TextField(blank=True, verbose_name="in the provider's words")),
                ('happened_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='happened at')),
                ('received_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='received at')),
                ('delivery', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='events', to='mailroom.delivery')),
                ('handled_at', models.DateTimeField(editable=False, null=True, verbose_name='handled at')),
                ('look_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('told_delivery', models.BigIntegerField(editable=False, null=True)),
                ('told_provider_id', models.CharField(blank=True, editable=False, max_length=200)),
                ('is_signed', models.BooleanField(db_default=False, default=False, editable=False)),
            ],
            options={
                'verbose_name': 'event',
                'verbose_name_plural': 'events',
                'indexes': [models.Index(condition=models.Q(('handled_at', None)), fields=['look_at'], name='event_queue'), models.Index(fields=['address', 'happened_at'], name='event_by_address'), models.Index(fields=['happened_at'], name='event_by_age')],
                'constraints': [models.UniqueConstraint(fields=('provider', 'event_id'), name='an_event_counts_once')],
            },
        ),
        migrations.CreateModel(
            name='MailerHealth',
            fields=[
                ('alias', models.CharField(max_length=200, primary_key=True, serialize=False, verbose_name='provider')),
                ('state', models.CharField(choices=[('closed', 'working'), ('open', 'cooling down'), ('half-open', 'being tested')], default='closed', max_length=10, verbose_name='state')),
                ('failures', models.PositiveIntegerField(default=0, verbose_name='failures in a row')),
                ('retry_at', models.DateTimeField(blank=True, null=True, verbose_name='next try')),
                ('error', models.TextField(blank=True, verbose_name='last error')),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='since')),
                ('failed_at', models.DateTimeField(blank=True, null=True, verbose_name='last failure')),
                ('mode', models.CharField(blank=True, choices=[('', 'in use'), ('paused', 'paused'), ('draining', 'draining')], max_length=10, verbose_name='mode')),
                ('rests', models.PositiveIntegerField(default=0, verbose_name='cool-downs in a row')),
                ('probe_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name': 'provider health',
                'verbose_name_plural': 'provider health',
                'permissions': [('manage_mailers', 'Can pause, drain and test providers')],
            },
        ),
        migrations.CreateModel(
            name='MailAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='name')),
                ('owner', models.CharField(blank=True, db_index=True, help_text="A label of your choice, such as a tenant's name: routers can choose by it.", max_length=100, verbose_name='owner')),
                ('kind', models.CharField(choices=mailroom.models.mail_account.kind_choices, max_length=20, verbose_name='kind')),
                ('options', models.JSONField(blank=True, default=dict)),
                ('encrypted', models.TextField(blank=True, editable=False)),
                ('from_email', models.CharField(help_text='A name and an address, or an address alone.', max_length=320, verbose_name='from')),
                ('reply_to', models.CharField(blank=True, max_length=320, verbose_name='reply to')),
                ('channels', models.JSONField(blank=True, default=list, verbose_name='channels')),
                ('rate', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0.001)], verbose_name='emails per second')),
                ('daily_cap', models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='emails per day')),
                ('when_down', models.CharField(choices=[('wait', 'wait until it works again'), ('channel', "send by the channel's own provider, from the channel's own address")], default='wait', max_length=10, verbose_name='if it is down')),
                ('active', models.BooleanField(default=True, verbose_name='active')),
                ('version', models.PositiveIntegerField(default=0, editable=False)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='changed at')),
            ],
            options={
                'verbose_name': 'mail account',
                'verbose_name_plural': 'mail accounts',
                'ordering': ['name'],
                'permissions': [('test_mailaccount', 'Can send a test email by a mail account')],
            },
        ),
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
        migrations.CreateModel(
            name='Suppression',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.CharField(max_length=320, verbose_name='address')),
                ('channel', models.CharField(blank=True, max_length=50, verbose_name='channel')),
                ('reason', models.CharField(choices=[('bounced', 'does not exist (hard bounce)'), ('soft', 'bounced too often (soft bounces)'), ('complained', 'complained'), ('manual', 'by hand')], max_length=10, verbose_name='reason')),
                ('note', models.TextField(blank=True, verbose_name='note')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name='until')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='since')),
                ('evidence', models.TextField(blank=True, editable=False, verbose_name='in the provider’s words')),
                ('tried_at', models.DateTimeField(editable=False, null=True, verbose_name='last tried')),
            ],
            options={
                'verbose_name': 'suppression',
                'verbose_name_plural': 'suppressions',
                'constraints': [models.UniqueConstraint(fields=('address', 'channel'), name='one_suppression_an_address_and_scope')],
            },
        ),
        migrations.CreateModel(
            name='WorkerBeat',
            fields=[
                ('name', models.CharField(max_length=64, primary_key=True, serialize=False, verbose_name='worker')),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='started at')),
                ('beat_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now, verbose_name='last seen')),
            ],
            options={
                'verbose_name': 'worker',
                'verbose_name_plural': 'workers',
            },
        ),
        migrations.CreateModel(
            name='ClockLease',
            fields=[
                ('name', models.CharField(max_length=200, primary_key=True, serialize=False)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'verbose_name': 'clock lease',
                'verbose_name_plural': 'clock leases',
            },
        ),
    ]
