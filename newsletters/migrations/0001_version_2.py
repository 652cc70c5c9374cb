# Columns are in the order that PostgreSQL has them in where the old migrations made the tables.

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import newsletters.markdown.check
import newsletters.validators
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    # A database has to have all of them: the commit is the last one that had their files.
    replaces = [
        ('newsletters', '0001_initial'),
        ('newsletters', '0002_leaving'),
        ('newsletters', '0003_steering'),
        ('newsletters', '0004_draft'),
        ('newsletters', '0005_publish'),
        ('newsletters', '0006_importing'),
        ('newsletters', '0007_address_keys'),
        ('newsletters', '0008_moves'),
        ('newsletters', '0010_autosave'),
        ('newsletters', '0011_import_problems'),
        ('newsletters', '0012_identity'),
        ('newsletters', '0013_account'),
        ('newsletters', '0014_erased_addresses'),
    ]
    upgrades_from = 'commit a053659 (the last of version 1)'

    dependencies = [
        ('accounts', '__first__'),
        ('mailroom', '0001_version_2'),
    ]

    operations = [
        migrations.CreateModel(
            name='Picture',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('type', models.CharField(max_length=20, verbose_name='type')),
                ('width', models.PositiveIntegerField(verbose_name='width')),
                ('height', models.PositiveIntegerField(verbose_name='height')),
                ('size', models.PositiveIntegerField(verbose_name='bytes')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                ('uploaded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='uploaded by')),
            ],
            options={
                'verbose_name': 'picture',
                'verbose_name_plural': 'pictures',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='Newsletter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True, validators=[newsletters.validators.one_line], verbose_name='name')),
                ('slug', models.SlugField(help_text='Part of its address: /newsletters/slug/.', unique=True, validators=[newsletters.validators.NotReserved('confirm', 'preferences', 'unsubscribe')], verbose_name='slug')),
                ('description', models.TextField(blank=True, verbose_name='description')),
                ('language', models.CharField(choices=[('en', 'English'), ('fr', 'Français'), ('pa', 'ਪੰਜਾਬੀ')], default='en', max_length=12, verbose_name='language')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                ('colour', models.CharField(blank=True, db_default='', default='', help_text='Of the top bar and of buttons, for example #1f3a6e.', max_length=7, validators=[django.core.validators.RegexValidator('\\A#[0-9a-fA-F]{6}\\Z', 'Write it as #1f3a6e.')], verbose_name='colour')),
                ('footer', models.TextField(blank=True, db_default='', default='', max_length=1000, validators=[newsletters.validators.printable], verbose_name='footer')),
                ('logo', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='newsletters.picture', verbose_name='logo')),
                ('postal_address', models.TextField(blank=True, db_default='', default='', help_text='Shown below every issue. Many countries require it in bulk email.', max_length=300, validators=[newsletters.validators.printable], verbose_name='postal address')),
                ('privacy_url', models.URLField(blank=True, db_default='', default='', help_text='Linked at the form to subscribe.', validators=[django.core.validators.URLValidator(['http', 'https'])], verbose_name='privacy policy')),
                ('reply_to', models.EmailField(blank=True, db_default='', default='', help_text='Where answers go. Empty: to the sender.', max_length=254, verbose_name='reply-to address')),
                ('sender_address', models.EmailField(blank=True, db_default='', default='', help_text='Your provider must allow it. Empty: the address set for all newsletters.', max_length=254, verbose_name='sender address')),
                ('sender_name', models.CharField(blank=True, db_default='', default='', max_length=100, validators=[newsletters.validators.one_line], verbose_name='sender name')),
                ('account', models.ForeignKey(blank=True, help_text='Sends its issues. Empty: the provider set for all newsletters.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='newsletters', to='mailroom.mailaccount', verbose_name='mail account')),
            ],
            options={
                'verbose_name': 'newsletter',
                'verbose_name_plural': 'newsletters',
                'ordering': ['name'],
                'permissions': [('change_sender', 'Can change the sender address of a newsletter')],
            },
        ),
        migrations.CreateModel(
            name='Issue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(max_length=150, validators=[newsletters.validators.one_line, newsletters.markdown.check.validate_subject], verbose_name='subject')),
                ('slug', models.SlugField(help_text='Part of its address on the web.', max_length=150, validators=[newsletters.validators.NotReserved('feed', 'join')], verbose_name='slug')),
                ('preheader', models.CharField(blank=True, help_text='The line that mail programs show beside the subject.', max_length=150, validators=[newsletters.validators.one_line, newsletters.markdown.check.validate_subject], verbose_name='preheader')),
                ('body', models.TextField(help_text='Markdown. {greeting} becomes “Hello Ann,” and {name} “Ann”; {newsletter}, {web_url}, {unsubscribe_url} and {preferences_url} work too, the last three as the target of a link.', validators=[newsletters.validators.printable, newsletters.markdown.check.validate_body], verbose_name='body')),
                ('state', models.CharField(choices=[('draft', 'draft'), ('scheduled', 'scheduled'), ('sending', 'sending'), ('paused', 'paused'), ('cancelled', 'cancelled'), ('sent', 'sent')], default='draft', editable=False, max_length=12, verbose_name='state')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed at')),
                ('published_at', models.DateTimeField(editable=False, null=True, verbose_name='published at')),
                ('queued_up_to', models.PositiveBigIntegerField(default=0, editable=False)),
                ('queued_at', models.DateTimeField(editable=False, null=True)),
                ('sent_at', models.DateTimeField(editable=False, null=True, verbose_name='sent at')),
                ('author', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='author')),
                ('message', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailroom.message')),
                ('newsletter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='issues', to='newsletters.newsletter', verbose_name='newsletter')),
                ('for_language', models.CharField(blank=True, choices=[('en', 'English'), ('fr', 'Français'), ('pa', 'ਪੰਜਾਬੀ')], help_text='The language that subscribers chose. Empty: all of them.', max_length=12, verbose_name='audience language')),
                ('joined_before', models.DateField(blank=True, help_text='The day itself does not count. Days begin at midnight UTC.', null=True, verbose_name='joined before')),
                ('joined_from', models.DateField(blank=True, null=True, verbose_name='joined on or after')),
                ('language', models.CharField(blank=True, choices=[('en', 'English'), ('fr', 'Français'), ('pa', 'ਪੰਜਾਬੀ')], help_text='Of the words around the text. Empty: the newsletter’s.', max_length=12, verbose_name='language')),
                ('text', models.TextField(blank=True, help_text='For mail programs that show no HTML. Empty: it is made from the body each time.', validators=[newsletters.validators.printable, newsletters.markdown.check.validate_text], verbose_name='text version')),
                ('publish_at', models.DateTimeField(editable=False, null=True, verbose_name='goes out at')),
                ('resumed_at', models.DateTimeField(editable=False, null=True)),
                ('stop_reason', models.CharField(blank=True, editable=False, max_length=500, verbose_name='stopped because')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('saved_by_tab', models.CharField(blank=True, db_default='', editable=False, max_length=40)),
                ('web_title', models.CharField(blank=True, db_default='', default='', help_text='For the archive and the feed. Empty: the subject.', max_length=150, validators=[newsletters.validators.one_line], verbose_name='title on the web')),
            ],
            options={
                'verbose_name': 'issue',
                'verbose_name_plural': 'issues',
                'ordering': ['-published_at', '-pk'],
                'permissions': [('publish_issue', 'Can publish an issue')],
                'indexes': [models.Index(fields=['state'], name='issue_by_state')],
                'constraints': [models.UniqueConstraint(fields=('newsletter', 'slug'), name='one_issue_per_slug')],
            },
        ),
        migrations.CreateModel(
            name='OldSlug',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=150)),
                ('issue', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='old_slugs', to='newsletters.issue')),
                ('newsletter', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='old_slugs', to='newsletters.newsletter')),
            ],
            options={
                'verbose_name': 'old slug',
                'verbose_name_plural': 'old slugs',
            },
        ),
        migrations.CreateModel(
            name='ErasedAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=80, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, validators=[newsletters.validators.one_line], verbose_name='email address')),
                ('name', models.CharField(blank=True, max_length=100, validators=[newsletters.validators.one_line], verbose_name='name')),
                ('language', models.CharField(choices=[('en', 'English'), ('fr', 'Français'), ('pa', 'ਪੰਜਾਬੀ')], default='en', max_length=12, verbose_name='language')),
                ('state', models.CharField(choices=[('pending', 'waiting for confirmation'), ('confirmed', 'confirmed'), ('unsubscribed', 'unsubscribed')], default='pending', max_length=12, verbose_name='state')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                ('confirmation_wanted', models.BooleanField(default=False, editable=False)),
                ('confirmation_sent_at', models.DateTimeField(editable=False, null=True, verbose_name='confirmation email queued at')),
                ('confirmed_at', models.DateTimeField(editable=False, null=True, verbose_name='confirmed at')),
                ('unsubscribed_at', models.DateTimeField(editable=False, null=True, verbose_name='unsubscribed at')),
                ('consent_at', models.DateTimeField(editable=False, null=True, verbose_name='consent given at')),
                ('consent_source', models.CharField(blank=True, editable=False, max_length=200, verbose_name='consent given on')),
                ('consent_ip', models.GenericIPAddressField(editable=False, null=True, verbose_name='consent given from')),
                ('consent_wording', models.TextField(blank=True, editable=False, verbose_name='consent text')),
                ('newsletter', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='subscriptions', to='newsletters.newsletter', verbose_name='newsletter')),
                ('left_because', models.CharField(blank=True, choices=[('too_often', 'It comes too often.'), ('not_for_me', 'It is not about what I expected.'), ('never_asked', 'I never asked for it.'), ('other', 'Something else.')], max_length=12, verbose_name='reason for unsubscribing')),
                ('left_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailroom.delivery', verbose_name='email they unsubscribed from')),
                ('moves', models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)),
            ],
            options={
                'verbose_name': 'subscription',
                'verbose_name_plural': 'subscriptions',
                'ordering': ['email'],
                'indexes': [models.Index(fields=['email'], name='subscription_by_email'), models.Index(fields=['newsletter', 'state', 'id'], name='subscription_by_state')],
                'constraints': [models.UniqueConstraint(models.F('newsletter'), django.db.models.functions.text.Lower('email'), name='one_subscription_per_address'), models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='subscription_email_lower_case')],
            },
        ),
        migrations.CreateModel(
            name='HistoryEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.CharField(choices=[('saved', 'saved the draft'), ('tested', 'sent a test'), ('published', 'published it'), ('scheduled', 'scheduled it'), ('undone', 'returned it to draft'), ('begun', 'sending started'), ('paused', 'paused it'), ('resumed', 'resumed it'), ('cancelled', 'cancelled the rest'), ('stopped', 'it was paused automatically'), ('retried', 'retried failed emails'), ('resolved', 'settled uncertain emails'), ('duplicated', 'duplicated it as a draft'), ('sent', 'all emails were sent')], max_length=12)),
                ('who', models.CharField(blank=True, max_length=200)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='history', to='newsletters.issue')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'history entry',
                'verbose_name_plural': 'history entries',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='IssueTest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content', models.CharField(max_length=64)),
                ('addresses', models.JSONField(default=list, verbose_name='addresses')),
                ('sent_at', models.DateTimeField(auto_now_add=True, verbose_name='sent at')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tests', to='newsletters.issue')),
            ],
            options={
                'verbose_name': 'test of an issue',
                'verbose_name_plural': 'tests of issues',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='PictureContent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, unique=True)),
                ('content', models.BinaryField()),
            ],
            options={
                'verbose_name': 'content of a picture',
                'verbose_name_plural': 'contents of pictures',
            },
        ),
        migrations.CreateModel(
            name='SubscriberImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('consent', models.CharField(max_length=500, verbose_name='source of consent')),
                ('file_name', models.CharField(editable=False, max_length=200, verbose_name='file')),
                ('data', models.BinaryField(default=b'')),
                ('header', models.JSONField(default=list, editable=False)),
                ('columns', models.JSONField(default=dict, editable=False)),
                ('state', models.CharField(choices=[('new', 'choose columns'), ('checking', 'being checked'), ('faulty', 'problems found'), ('ready', 'ready'), ('running', 'being imported'), ('done', 'imported')], default='new', editable=False, max_length=10, verbose_name='state')),
                ('total', models.PositiveIntegerField(default=0, editable=False, verbose_name='rows')),
                ('position', models.PositiveIntegerField(default=0, editable=False)),
                ('counts', models.JSONField(default=dict, editable=False)),
                ('faults', models.JSONField(default=list, editable=False)),
                ('sample', models.JSONField(default=list, editable=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='begun at')),
                ('finished_at', models.DateTimeField(editable=False, null=True, verbose_name='finished at')),
                ('author', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ('newsletter', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='newsletters.newsletter', verbose_name='newsletter')),
                ('problem_file', models.BinaryField(null=True)),
            ],
            options={
                'verbose_name': 'import of subscribers',
                'verbose_name_plural': 'imports of subscribers',
                'ordering': ['-pk'],
            },
        ),
    ]
