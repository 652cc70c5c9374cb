"""Parts of the settings that need more than one line, so that settings.py reads as a sentence."""

import hmac
import os
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.utils.csp import CSP
from environs import Env, EnvValidationError

from mailroom.mailer_urls import Fault

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


def hosts(public_url: str, debug: bool) -> list[str]:
    """The host names to answer to: that of PUBLIC_URL, and this machine's own in development."""
    own = ["127.0.0.1", "localhost", "[::1]"] if debug else []
    host = urlsplit(public_url).hostname
    return [*own, host] if host and host not in own else own


def development_apps(debug: bool) -> list[str]:
    """The development inbox, where it is installed: production installs do without it."""
    return ["django_mail_preview"] if debug and find_spec("django_mail_preview") else []


def webhook_keys(env: Env) -> dict[str, list[str]]:
    """WEBHOOK_KEY_<PROVIDER>: what a provider signs its webhooks with, by Anymail's module name."""
    prefix = "WEBHOOK_KEY_"
    names = [name for name in os.environ if name.startswith(prefix)]
    given: dict[str, list[str]] = {
        name.removeprefix(prefix).lower(): env.list(name, []) for name in names
    }
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
    found += _cache_faults(env)
    return [*found, *_database_faults(env), *_unreadable(env)]  # sealing comes last


def _webhook_faults(env: Env) -> list[Fault]:
    secrets: list[str] = env.list("WEBHOOK_SECRET", [])
    if all(":" in secret for secret in secrets):
        return []
    return [Fault("WEBHOOK_SECRET", "must look like user:password, as in the webhook's URL")]


def _cache_faults(env: Env) -> list[Fault]:
    if urlsplit(env.str("CACHE_URL", "")).scheme in {"", "redis", "rediss"}:
        return []
    return [Fault("CACHE_URL", "has an unknown scheme: redis://… and rediss://… work")]


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
