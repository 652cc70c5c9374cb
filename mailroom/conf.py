"""The settings of the mailroom that a project may leave out, and what they are then."""

import re
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

DEFAULTS: dict[str, Any] = {
    "PUBLIC_URL": "",  # the site's own address, which links in email begin with
    "MESSAGE_TYPES": {},  # `app.name` -> its channel, and whether it is bulk
    "MAILROOM_SECRET_BY_DEFAULT": False,  # erase the body of untyped email once it was sent
    "MAILROOM_PROVIDERS": {},  # scheme of a mailer URL -> dotted path of a providers.Provider
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
}
SHORTEST_SENDER, LONGEST_SENDER = 5, 15  # characters that Gmail asks for in Feedback-ID


def needs(feature: str, extra: str) -> str:
    """The sentence for a feature whose extra is not installed, without its full stop."""
    return f"{feature} needs the extra {extra!r}: install django-mailroom[{extra}]"


def is_installed(module: str) -> bool:
    """Whether a module, such as `flufl.bounce`, can be imported."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that it is in
        return False


def tasks_problem() -> str:
    """A sentence where TASKS names a backend that is not installed, else ""."""
    package = settings.TASKS.get("default", {}).get("BACKEND", "").partition(".")[0]
    if not package or is_installed(package):
        return ""
    if "celery" in package:
        return f"TASKS: {needs(package, 'celery')}."
    return f"TASKS names {package}, which is not installed."


def fill_in() -> None:
    """Give each setting that the project lacks its default."""
    for name, value in DEFAULTS.items():
        if not hasattr(settings, name):
            setattr(settings, name, value)
    if not hasattr(settings, "SITE_NAME"):  # how email is signed
        settings.SITE_NAME = _own_name()
    if not hasattr(settings, "FEEDBACK_SENDER"):  # who sends, for Gmail's statistics
        settings.FEEDBACK_SENDER = _feedback_sender(settings.SITE_NAME)


def _own_name() -> str:
    """The host of PUBLIC_URL, else the name of the project's own package."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    package = str(getattr(settings, "ROOT_URLCONF", "") or "").partition(".")[0]
    return host.removeprefix("www.") or package or "Django"


def _feedback_sender(name: str) -> str:
    letters = re.sub(r"[^a-z0-9]", "", name.lower())[:LONGEST_SENDER]
    return letters if len(letters) >= SHORTEST_SENDER else f"{letters}email"
