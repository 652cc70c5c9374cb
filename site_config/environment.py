"""Parts of the settings that need more than one line, so that settings.py reads as a sentence."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.utils.csp import CSP
from environs import Env, EnvValidationError

from mailroom.mailer_urls import Fault

# Django refuses an empty key at import, which would break a build that has no variables. Nothing is
# served with this one: see faults().
PLACEHOLDER_KEY = "no-secret-key-was-given"

CONTENT_SECURITY_POLICY = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "frame-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.SELF],
    "base-uri": [CSP.NONE],
}


def hosts(public_url: str, debug: bool) -> list[str]:
    """The host names to answer to: that of PUBLIC_URL, and this machine's own in development."""
    own = ["127.0.0.1", "localhost", "[::1]"] if debug else []
    host = urlsplit(public_url).hostname
    return [*own, host] if host and host not in own else own


def development_apps(debug: bool) -> list[str]:
    """The development inbox, where it is installed: production installs do without it."""
    return ["django_mail_preview"] if debug and find_spec("django_mail_preview") else []


def database(env: Env, debug: bool, folder: Path) -> dict[str, Any]:
    """DATABASE_URL, or an SQLite file in `folder` in development."""
    folder.mkdir(exist_ok=True)
    local = f"sqlite:///{folder / 'mailroom.sqlite3'}" if debug else "sqlite://:memory:"
    try:
        config: dict[str, Any] = dict(
            dj_database_url.parse(env.str("DATABASE_URL", "") or local, conn_max_age=60)
        )
    except ValueError:
        config = dict(dj_database_url.parse(local))
    if config["ENGINE"].endswith("sqlite3"):
        # WAL lets readers go on beside the one writer; IMMEDIATE waits for the lock at the start of
        # a transaction instead of failing in its middle.
        config["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL;",
        }
    else:
        config["CONN_HEALTH_CHECKS"] = True
    return config


def tasks(broker_url: str) -> dict[str, Any]:
    """The engine of django.tasks: the project's database, or Celery where there is a broker."""
    if broker_url:
        options = {"CELERY_APP": "site_config.celery.app"}
        backend = "django_tasks_celery.backend.CeleryBackend"
        return {"default": {"BACKEND": backend, "QUEUES": [], "OPTIONS": options}}
    return {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": []}}


def webhook_keys(env: Env) -> dict[str, list[str]]:
    """WEBHOOK_KEY_<PROVIDER>: what a provider signs its webhooks with, by Anymail's module name."""
    prefix = "WEBHOOK_KEY_"
    names = [name for name in os.environ if name.startswith(prefix)]
    return {name.removeprefix(prefix).lower(): env.list(name, []) for name in names}


def static_storage(debug: bool) -> str:
    """Hashed and compressed files in production; plain ones in development."""
    if debug:
        return "django.contrib.staticfiles.storage.StaticFilesStorage"
    return "whitenoise.storage.CompressedManifestStaticFilesStorage"


def picture_storage(env: Env) -> dict[str, Any]:
    """Where the pictures of newsletters are kept: the database, which a platform never forgets.

    PICTURE_STORAGE is file:///folder, or the dotted name of another storage of Django's kind, which
    has its options from its own settings and variables.
    """
    wanted = env.str("PICTURE_STORAGE", "")
    if wanted.startswith("file:///"):
        location = {"location": wanted.removeprefix("file://")}
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": location}
    return {"BACKEND": wanted or "newsletters.storage.DatabaseStorage"}


def logging(debug: bool) -> dict[str, Any]:
    """Everything to stdout; errors also to ADMINS, through the mailer that never raises."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "production": {"()": "django.utils.log.RequireDebugFalse"},
            "context": {"()": "site_config.logs.Context"},
            "discreet": {"()": "site_config.logs.Discreet"},
        },
        "formatters": {
            "line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            },
        },
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "filters": ["context", "discreet"],
                "formatter": "line" if debug else "json",
            },
            "admins": {
                "class": "django.utils.log.AdminEmailHandler",
                "level": "ERROR",
                "filters": ["production"],
                "using": "ops",
            },
        },
        "root": {"handlers": ["stdout"], "level": "INFO"},
        "loggers": {
            "django": {"handlers": ["admins"], "level": "INFO", "propagate": True},
            "django.server": {"handlers": ["stdout"], "level": "INFO", "propagate": False},
            # A line for each nudge would drown everything else.
            "django.tasks": {"level": "WARNING"},
            "django_tasks_db": {"level": "WARNING"},
            "mailroom": {"handlers": ["admins"], "level": "INFO", "propagate": True},
        },
    }


def faults(
    env: Env, *, debug: bool, public_url: str, secret_key: str, mail: list[Fault]
) -> list[Fault]:
    """All that is missing or wrong in the environment, each with the variable's name."""
    found = list(mail)
    if secret_key == PLACEHOLDER_KEY:
        found.append(Fault("SECRET_KEY", "is missing: set it to a long random text"))
    found += _public_url_faults(public_url)
    if not debug and not env.str("DATABASE_URL", ""):
        found.append(Fault("DATABASE_URL", "is missing: for instance postgres://user:pw@host/name"))
    found += _webhook_faults(env)
    return [*found, *_database_faults(env), *_unreadable(env)]  # sealing comes last


def _webhook_faults(env: Env) -> list[Fault]:
    secrets: list[str] = env.list("WEBHOOK_SECRET", [])
    if all(":" in secret for secret in secrets):
        return []
    return [Fault("WEBHOOK_SECRET", "must look like user:password, as in the webhook's URL")]


def _unreadable(env: Env) -> list[Fault]:
    try:
        env.seal()
    except EnvValidationError as error:
        messages: Any = error.error_messages  # by variable, when an Env that isn't eager is sealed
        return [Fault(name, "; ".join(texts)) for name, texts in messages.items()]
    return []


def _public_url_faults(public_url: str) -> list[Fault]:
    if not public_url:
        return [Fault("PUBLIC_URL", "is missing: set it to the site's own https:// address")]
    parts = urlsplit(public_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        return [Fault("PUBLIC_URL", "must look like https://www.example.com")]
    return []


def _database_faults(env: Env) -> list[Fault]:
    try:
        dj_database_url.parse(env.str("DATABASE_URL", "") or "sqlite://:memory:")
    except ValueError:
        return [Fault("DATABASE_URL", "has an unknown scheme: postgres://… and sqlite:///… work")]
    return []
