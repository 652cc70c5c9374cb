"""Parts of the settings that need more than one line, so that settings.py reads as a sentence."""

import hmac
import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import dj_database_url
from django.utils.csp import CSP
from environs import Env, EnvValidationError, validate

from mailroom.addresses import is_address
from mailroom.config.schemes import ANYMAIL
from mailroom.config.urls import Fault, mailbox_at

# Django refuses an empty key at import, which would break a build that has no variables. Nothing is
# served with this one: see faults().
PLACEHOLDER_KEY = "no-secret-key-was-given"

# Django's deployment checks that are answered otherwise here, each with its reason.
SILENCED: list[str] = [
    "security.W005",  # subdomains in HSTS: www.example.com must not speak for its neighbours
    "security.W019",  # frames: mail previews stand in frames of our own pages, and in no others
    "security.W021",  # preload: on a platform's shared domain that is the platform's to say
]

CONTENT_SECURITY_POLICY: dict[str, list[str]] = {
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


fraction: Any = validate.Range(0, 1)


def at_least(number: int) -> validate.Range:
    return validate.Range(min=number)


def split_url(url: str) -> SplitResult:
    """Split a URL as `urlsplit` does; one that cannot be read counts as empty."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises for one that is no number)
    except ValueError:
        return urlsplit("")
    return parts


def hosts(host: str | None, debug: bool) -> list[str]:
    """The host names to answer to: that of PUBLIC_URL, and this machine's own in development."""
    own = ["127.0.0.1", "localhost", "[::1]"] if debug else []
    return [*own, host] if host and host not in own else own


def webhook_keys(env: Env) -> dict[str, list[str]]:
    """WEBHOOK_KEY_<PROVIDER>: what a provider signs its webhooks with, by Anymail's module name."""
    prefix = "WEBHOOK_KEY_"
    # What is in .env alone is not in os.environ: those have to be asked for by name.
    known = {f"{prefix}{kind.backend.split('.')[2].upper()}" for kind in ANYMAIL.values()}
    names = sorted(known | {name for name in os.environ if name.startswith(prefix)})
    lists: dict[str, list[str]] = {
        name.removeprefix(prefix).lower(): env.list(name, []) for name in names
    }
    given = {name: keys for name, keys in lists.items() if keys}
    # Mailgun signed with the API key before it had a key for that; its add-on names only this one.
    key = env.str("MAILGUN_API_KEY", "")
    of_add_on: dict[str, list[str]] = {"mailgun": [key]} if key else {}
    return {**of_add_on, **given}


def webhook_secrets(env: Env, keys: list[str], is_add_on: bool) -> list[str]:
    """WEBHOOK_SECRET; with an add-on alone, one that is made of SECRET_KEY: adding it is enough."""
    given: list[str] = env.list("WEBHOOK_SECRET", [])
    if given or not is_add_on:
        return given
    return [f"mailroom:{hmac.digest(key.encode(), b'webhook', 'sha256').hex()}" for key in keys]


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


def faults(
    env: Env, *, debug: bool, hosts: list[str], secret_key: str, mail: list[Fault]
) -> list[Fault]:
    """All that is missing or wrong in the environment, each with the variable's name.

    Keys and secrets that can be guessed, and a site without TLS, are faults outside development.
    """
    public_url = env.str("PUBLIC_URL", "")
    found = [*mail, *_public_url_faults(public_url, debug)]
    if secret_key == PLACEHOLDER_KEY:
        found.append(Fault("SECRET_KEY", "is missing: set it to a long random text"))
    if not debug:
        if not env.str("DATABASE_URL", ""):
            told = "is missing: for instance postgres://user:pw@host/name"
            found.append(Fault("DATABASE_URL", told))
        found += [*_weak_keys(env), *_host_faults(hosts, public_url)]
    found += _mailbox_faults(env)
    found += [*_webhook_faults(env, debug), *_url_faults(env), *_storage_faults(env)]
    admins: list[str] = env.list("ADMINS", [])
    if not all(map(is_address, admins)):
        found.append(Fault("ADMINS", "must hold addresses, separated by commas"))
    return [*found, *_database_faults(env), *_unreadable(env)]  # sealing comes last


# -- Keys and secrets -----------------------------------------------------------------------------

KEY_LENGTH = 32  # characters; a key of secrets.token_urlsafe(50) has 67
PASSWORD_LENGTH = 12
DIFFERENT = 5  # characters, as Django's own check asks for
PLACEHOLDER = re.compile(r"django-insecure|change.?me|replace.?me|your.?(secret|key)", re.I)


def _is_weak(secret: str, length: int) -> bool:
    is_short = len(secret) < length or len(set(secret)) < DIFFERENT
    return is_short or bool(PLACEHOLDER.search(secret))


def _weak_keys(env: Env) -> Iterator[Fault]:
    told = f"can be guessed: make it a random text of at least {KEY_LENGTH} characters"
    for name, keys in {
        "SECRET_KEY": [env.str("SECRET_KEY", "")],
        "SECRET_KEY_FALLBACKS": env.list("SECRET_KEY_FALLBACKS", []),
    }.items():
        if any(key and _is_weak(key, KEY_LENGTH) for key in keys):
            yield Fault(name, told)


def _webhook_faults(env: Env, debug: bool) -> Iterator[Fault]:
    secrets: list[str] = env.list("WEBHOOK_SECRET", [])
    parts = [secret.partition(":") for secret in secrets]
    if not all(user and password for user, _colon, password in parts):
        yield Fault("WEBHOOK_SECRET", "must look like user:password, as in the webhook's URL")
    elif not debug and any(
        _is_weak(password, PASSWORD_LENGTH) for _user, _colon, password in parts
    ):
        told = (
            f"has a password that can be guessed: use {PASSWORD_LENGTH} random characters or more"
        )
        yield Fault("WEBHOOK_SECRET", told)


# -- Addresses ------------------------------------------------------------------------------------

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PUBLIC_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/*")


def _public_url_faults(public_url: str, debug: bool) -> list[Fault]:
    if not public_url:
        told = "is missing: set it to the site's own https:// address"
        return [] if debug else [Fault("PUBLIC_URL", told)]
    parts = split_url(public_url)
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    is_read = parts.scheme in {"http", "https"} and parts.hostname and is_plain
    if not is_read or not PUBLIC_PATH.fullmatch(parts.path) or public_url.strip() != public_url:
        return [Fault("PUBLIC_URL", "must look like https://www.example.com")]
    if parts.scheme == "http" and not debug and parts.hostname not in LOOPBACK:
        told = "must begin with https://: passwords and sessions would travel in clear"
        return [Fault("PUBLIC_URL", told)]
    return []


def _host_faults(hosts: list[str], public_url: str) -> Iterator[Fault]:
    host = split_url(public_url).hostname or ""
    names = [one.strip("[]").lower() for one in hosts]
    is_in = any(host == one or (one[:1] == "." and f".{host}".endswith(one)) for one in names)
    if any("/" in one or "*" in one for one in hosts):
        yield Fault("ALLOWED_HOSTS", "must hold host names, without scheme, path or *")
    elif host and not is_in:
        yield Fault("ALLOWED_HOSTS", "must hold the host of PUBLIC_URL, or be left empty")


# -- Services -------------------------------------------------------------------------------------

SCHEMES = {
    "CACHE_URL": ("redis", "rediss"),
    "TASKS_URL": ("redis", "rediss", "amqp", "amqps"),
}


def _url_faults(env: Env) -> Iterator[Fault]:
    for name, schemes in SCHEMES.items():
        url = env.str(name, "")
        if url and not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            known = " and ".join(f"{scheme}://…" for scheme in schemes)
            yield Fault(name, f"has an unknown scheme: {known} work")


def _storage_faults(env: Env) -> Iterator[Fault]:
    wanted = env.str("PICTURE_STORAGE", "")
    if wanted and not wanted.startswith("file:///"):
        module = wanted.rpartition(".")[0]
        try:
            is_there = bool(module and find_spec(module))
        except (ImportError, ValueError):
            is_there = False
        if not is_there:
            yield Fault("PICTURE_STORAGE", "must be file:///folder or the dotted name of a storage")


def _database_faults(env: Env) -> list[Fault]:
    try:
        dj_database_url.parse(env.str("DATABASE_URL", "") or "sqlite://:memory:")
    except ValueError:
        return [Fault("DATABASE_URL", "has an unknown scheme: postgres://… and sqlite:///… work")]
    return []


def _mailbox_faults(env: Env) -> list[Fault]:
    found = []
    for variable in ("MAIL_BOUNCE_ADDRESS", "MAIL_UNSUBSCRIBE"):
        address = env.str(variable, "")
        if address and (not is_address(address) or set(address) & set("+ <>")):
            found.append(Fault(variable, "must be a bare address such as bounces@example.com"))
    for variable in ("MAIL_BOUNCE_URL", "MAIL_UNSUBSCRIBE_URL"):
        try:
            mailbox_at(env.str(variable, "") or "imaps://user:password@host")
        except ValueError as error:
            found.append(Fault(variable, str(error)))
    if env.str("MAIL_BOUNCE_URL", "") and not env.str("MAIL_BOUNCE_ADDRESS", ""):
        found.append(Fault("MAIL_BOUNCE_ADDRESS", "is missing: the address of MAIL_BOUNCE_URL"))
    return found


def _unreadable(env: Env) -> list[Fault]:
    try:
        env.seal()
    except EnvValidationError as error:
        messages: Any = error.error_messages  # by variable, when an Env that isn't eager is sealed
        return [Fault(name, "; ".join(texts)) for name, texts in messages.items()]
    return []


# -- Add-ons of platforms ----------------------------------------------------------------------


# Adding one is enough.
ADD_ONS = {
    ("POSTMARK_API_TOKEN",): "postmark://{}",
    ("MAILGUN_API_KEY", "MAILGUN_DOMAIN"): "mailgun://{}@{}",
    ("SENDGRID_API_KEY",): "sendgrid://{}",
}
# An add-on that hands out a whole SMTP URL, with an option of its own that is our rule anyway.
SMTP_ADD_ON = "CLOUDMAILIN_SMTP_URL"


def is_by_add_on(env: Env) -> bool:
    """True where nobody named a mailer, and an add-on's variables do."""
    return not env.str("MAILER_URL", "") and bool(add_on_url(env))


def add_on_url(env: Env) -> str:
    """The mailer URL that an add-on's own variables stand for; "" where there is none."""
    for names, pattern in ADD_ONS.items():
        values = [quote(env.str(name, ""), safe="") for name in names]
        if all(values):
            return pattern.format(*values)
    return env.str(SMTP_ADD_ON, "").partition("?")[0]


# -- Services ----------------------------------------------------------------------------------


# Django's own 300 would be reached at once, and what is thrown out then are counts of rate limits.
CACHE_ENTRIES = 50_000
POOL_PATIENCE = 10  # seconds to wait for a connection that is in use


def database(env: Env, debug: bool, folder: Path) -> dict[str, Any]:
    """DATABASE_URL, or an SQLite file in `folder` in development."""
    folder.mkdir(exist_ok=True)
    local = f"sqlite:///{folder / 'mailroom.sqlite3'}" if debug else "sqlite://:memory:"
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(env.str("DATABASE_URL", "") or local))
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
    elif "postgresql" in config["ENGINE"]:
        for name, value in _postgres(env).items():
            config[name] = {**config.get(name, {}), **value} if name == "OPTIONS" else value
    return config


def _postgres(env: Env) -> dict[str, Any]:
    """A pool where DATABASE_POOL_SIZE says so: more threads than connections may then serve."""
    size = env.int("DATABASE_POOL_SIZE", 0)
    if not size:
        return {"CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 60}
    pool = {"min_size": 1, "max_size": size, "timeout": POOL_PATIENCE}
    return {"CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 0, "OPTIONS": {"pool": pool}}


def cache(url: str) -> dict[str, Any]:
    """A cache that all processes share, or rate limits would count in each: Redis or a table."""
    if url.startswith(("redis://", "rediss://")):
        return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
    return {
        "BACKEND": "accounts.transactions.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": CACHE_ENTRIES},
    }


def tasks(broker_url: str) -> dict[str, Any]:
    """The engine of django.tasks: the project's database, or Celery where there is a broker."""
    if broker_url:
        options = {"CELERY_APP": "site_config.celery.app"}
        backend = "django_tasks_celery.backend.CeleryBackend"
        return {"default": {"BACKEND": backend, "QUEUES": [], "OPTIONS": options}}
    return {"default": {"BACKEND": "django_ox.backend.OxBackend", "QUEUES": []}}
