"""The settings of the mailroom that a project may leave out, and what they are then."""

from typing import Any

from django.conf import settings

DEFAULTS: dict[str, Any] = {
    "SITE_NAME": "Mailroom",  # how mails are signed
    "MAILER_URLS": {},  # alias -> masked URL: shown by `manage.py mailers`
    "MAILER_SENDERS": {},  # alias -> the From that a provider may send as
    "MAIL_LEASE_SECONDS": 60,
    "MAIL_RETRY_SECONDS": 30,
    "MAIL_BREAKER_SECONDS": 30,
    "MAIL_RETENTION_DAYS": 90,
    "MAIL_SPECIAL_USE_DOMAINS": ["local", "test"],  # endings (RFC 6761) that forms accept
    "MAILER_COSTS": {},  # alias -> the price of one message there
    "MAILROOM_ROUTERS": [],  # who chooses another mailer for a message: see mail_accounts.routing
    "MAILROOM_DOMAIN_ROUTES": {},  # domain of a recipient -> alias, for ByRecipientDomain
    "MAIL_ACCOUNT_KEYS": [],  # Fernet keys: the first encrypts, all decrypt
    "MAIL_ACCOUNT_LOOPBACK_HOSTS": [],  # development: hosts of accounts that may be at loopback
    "MAIL_ACCOUNT_API_URLS": {},  # development: kind of account -> where its API is played
    "STAGING_MAIL": [],
    "METRICS_TOKEN": "",  # who may read the metrics; nobody without one
    "WEBHOOK_SECRETS": [],
    "WEBHOOK_KEYS": {},
    "DKIM_SELECTORS": [],
    "MAIL_BOUNCE_ADDRESS": "",  # of the envelope sender: where bounces go
    "MAIL_BOUNCE_URL": "",  # the mailbox to read them from
    "UNSUBSCRIBE_MAILBOX": "",
    "MAIL_UNSUBSCRIBE_URL": "",
    "FEEDBACK_SENDER": "mailroom",
}


def fill_in() -> None:
    """Give each setting that the project lacks its default."""
    for name, value in DEFAULTS.items():
        if not hasattr(settings, name):
            setattr(settings, name, value)
