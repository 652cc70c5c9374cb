"""Parts of the settings that need more than one line, so that settings.py reads as a sentence."""

import hmac
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, suppress
from difflib import get_close_matches
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import dj_database_url
import psycopg
from django.utils.csp import CSP
from email_validator import SPECIAL_USE_DOMAIN_NAMES
from environs import Env, EnvValidationError, validate
from psycopg.conninfo import make_conninfo

from mailroom.addresses import for_wire, is_address
from mailroom.config.hosts import is_ip
from mailroom.config.schemes import ANYMAIL
from mailroom.config.urls import VariableFault, mailbox_at

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


LONGEST_DAYS = 36_500  # days, a century


def between(low: float, high: float) -> validate.Range:
    return validate.Range(min=low, max=high)


days: Any = between(1, LONGEST_DAYS)
seconds: Any = between(0, 86_400)
count: Any = between(1, 1_000_000)


def read_file(env: Env, default: Path) -> list[VariableFault]:
    """Read ENV_FILE, or the default where there is one; what is in the environment already wins."""
    given = os.environ.get("ENV_FILE", str(default))
    if given and "ENV_FILE" in os.environ and not Path(given).exists():
        return [VariableFault("ENV_FILE", "names a file that does not exist")]
    try:
        if given:
            env.read_env(given, recurse=False)
    except (OSError, ValueError):
        return [VariableFault("ENV_FILE", "names something that can't be read as a text file")]
    return []


def split_url(url: str) -> SplitResult:
    """Split PUBLIC_URL as `urlsplit` does; one that cannot be used counts as empty."""
    return urlsplit("" if _public_url_problem(url, is_debug=True) else url)


def hosts(env: Env, host: str | None, debug: bool) -> list[str]:
    """ALLOWED_HOSTS, or the host of PUBLIC_URL, and this machine's own names in development."""
    own = ["127.0.0.1", "localhost", "[::1]"] if debug else []
    others = [host] if host and host not in own else []
    return items(env, "ALLOWED_HOSTS") or own + others


def items(env: Env, name: str, default: str = "") -> list[str]:
    """The items of a variable such as `a, b`."""
    text = env.str(name, default)
    return [one.strip() for one in text.split(",")] if text else []


def pairs(env: Env, name: str) -> dict[str, str]:
    """A variable such as `a=1,b=2`; what has no = is a key without a value."""
    parts = [one.partition("=") for one in env.str(name, "").split(",") if one.strip()]
    return {key.strip(): value.strip() for key, _equals, value in parts}


SIGNING_PREFIX = "WEBHOOK_KEY_"
SIGNING = {f"{SIGNING_PREFIX}{kind.backend.split('.')[2].upper()}" for kind in ANYMAIL.values()}


def webhook_keys(env: Env) -> dict[str, list[str]]:
    """WEBHOOK_KEY_<PROVIDER>: what a provider signs its webhooks with, by Anymail's module name."""
    # What is in .env alone is not in os.environ: those have to be asked for by name.
    names = sorted(SIGNING | {name for name in os.environ if name.startswith(SIGNING_PREFIX)})
    lists: dict[str, list[str]] = {
        name.removeprefix(SIGNING_PREFIX).lower(): items(env, name) for name in names
    }
    given = {name: keys for name, keys in lists.items() if keys}
    # Mailgun signed with the API key before it had a key for that; its add-on names only this one.
    key = env.str("MAILGUN_API_KEY", "")
    of_add_on: dict[str, list[str]] = {"mailgun": [key]} if key else {}
    return {**of_add_on, **given}


def webhook_secrets(env: Env, keys: list[str], is_add_on: bool) -> list[str]:
    """WEBHOOK_SECRET; with an add-on alone, one that is made of SECRET_KEY: adding it is enough."""
    given = items(env, "WEBHOOK_SECRET")
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
    return {"BACKEND": wanted or "newsletters.composing.pictures.DatabaseStorage"}


def faults(
    env: Env, *, debug: bool, hosts: list[str], secret_key: str, mail: list[VariableFault]
) -> list[VariableFault]:
    """All that is missing or wrong in the environment, each with the variable's name.

    Keys and secrets that can be guessed, and a site without TLS, are faults outside development.
    """
    public_url = env.str("PUBLIC_URL", "")
    found = [*mail, *_public_url_faults(public_url, debug)]
    if secret_key == PLACEHOLDER_KEY:
        found.append(VariableFault("SECRET_KEY", "is missing: set it to a long random text"))
    if not debug:
        if not env.str("DATABASE_URL", ""):
            told = "is missing: for instance postgres://user:pw@host/name"
            found.append(VariableFault("DATABASE_URL", told))
        found += [*_weak_keys(env), *_shared_keys(env), *_host_faults(hosts, public_url)]
        found += [
            VariableFault(name, "still has the key or password of the example")
            for name in [
                *SERVICE_SCHEMES,
                "DATABASE_URL",
                "MAIL_BOUNCE_URL",
                "MAIL_UNSUBSCRIBE_URL",
            ]
            if EXAMPLE.search(env.str(name, ""))
        ]
        found += [
            VariableFault(name, "is for development only: remove it")
            for name in ("MAIL_ACCOUNT_LOOPBACK_HOSTS", "MAIL_ACCOUNT_API_URLS")
            if env.str(name, "")
        ]
    found += [*_mailbox_faults(env), *_unknown(env)]
    found += [*_webhook_faults(env, debug), *_url_faults(env), *_storage_faults(env)]
    routes = env.str("MAILROOM_DOMAIN_ROUTES", "")
    if routes and not all(map(ROUTE.fullmatch, routes.split(","))):
        told = "must look like example.com=postmark,example.org=account:7"
        found.append(VariableFault("MAILROOM_DOMAIN_ROUTES", told))
    token = env.str("METRICS_TOKEN", "")
    if token and (not re.fullmatch(r"[\w.~+/=-]+", token, re.A) or _is_weak(token, KEY_LENGTH)):
        told = f"must be a random text of {KEY_LENGTH} letters and digits or more"
        found.append(VariableFault("METRICS_TOKEN", told))
    for name, (is_right, told) in LISTS.items():
        if not all(map(is_right, items(env, name))):
            found.append(VariableFault(name, told))
    env.int("PORT", 8000, validate=between(1, 65_535))
    env.int("WEB_CONCURRENCY", 2, validate=between(1, 1000))
    found += _gunicorn_faults(env)
    found += [*_database_faults(env, debug), *_unreadable(env)]  # sealing comes last
    named = {fault.variable for fault in found}
    return found + [fault for fault in _blank(env) if fault.variable not in named]


def _blank(env: Env) -> Iterator[VariableFault]:
    """A space is not a value, and a line break would end a header or a log line."""
    for name in sorted(env.dump()):
        value = os.environ.get(name, "")
        if value and not value.strip():
            yield VariableFault(name, "is blank: give it a value, or remove it")
        elif not value.isprintable():
            yield VariableFault(name, "holds a line break or another control character")
        elif len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            yield VariableFault(name, "is in quotes: write its value without them")


# Read elsewhere: by gunicorn.conf.py, and before there is an Env.
READ_ELSEWHERE = {"VAR_DIR", "ENV_FILE", "PORT", "WEB_CONCURRENCY", "GUNICORN_CMD_ARGS"}
SHORTEST_NAME = 8  # of a variable that another one may be meant for
LIKENESS = 0.88  # of two names, from 0 to 1


def _unknown(env: Env) -> Iterator[VariableFault]:
    """Names that nothing reads, and that are nearly those of variables without a value."""
    known = READ_ELSEWHERE | SIGNING
    known |= {one for one in env.dump() if not one.startswith(SIGNING_PREFIX)}
    missing = [one for one in known if len(one) >= SHORTEST_NAME and not os.environ.get(one)]
    for name in sorted(os.environ.keys() - known):
        if meant := get_close_matches(name, missing, n=1, cutoff=LIKENESS):
            yield VariableFault(name, f"is unknown: is {meant[0]} meant?")


def is_mailbox(text: str) -> bool:
    """Return whether it is one address, or `Name <address>` with its brackets closed."""
    text = text.strip()
    bare = text[text.rfind("<") + 1 : -1] if text.endswith(">") else text
    is_closed = text.count("<") == text.count(">") == int(bare != text)
    return is_closed and not re.search(r"\s", bare) and is_address(text)


ROUTE = re.compile(r"\s*([\w-]+\.)+[\w-]+=[\w:.-]+\s*")  # a domain, and an alias

FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")

# Lists, each with what its items must be.
LISTS: dict[str, tuple[Callable[[str], object], str]] = {
    "ADMINS": (is_mailbox, "must hold addresses, separated by commas"),
    "DKIM_SELECTORS": (
        re.compile(r"(?!.*_domainkey)[A-Za-z0-9]([\w-]*\w)?(\.\w([\w-]*\w)?)*", re.A).fullmatch,
        "must hold selectors, the part before ._domainkey, separated by commas",
    ),
    "MAIL_ACCOUNT_KEYS": (
        lambda key: FERNET_KEY.fullmatch(key) and not _is_weak(key, KEY_LENGTH),
        "must hold keys of `manage.py mail_accounts --new-key`, separated by commas",
    ),
    "NEWSLETTER_TRACKING": (
        {"opens", "clicks"}.__contains__,
        "must hold opens, clicks, or both, separated by a comma",
    ),
    "MAIL_SPECIAL_USE_DOMAINS": (
        {"none", *SPECIAL_USE_DOMAIN_NAMES}.__contains__,
        "must hold endings for special use, such as local,test, or none",
    ),
}


# -- Keys and secrets -----------------------------------------------------------------------------

KEY_LENGTH = 32  # characters; a key of secrets.token_urlsafe(50) has 67
PASSWORD_LENGTH = 12
LONGEST_REPEAT = 16  # characters: a shorter text that is only repeated can be guessed
DIFFERENT = 5  # characters, as Django's own check asks for
PLACEHOLDER_IN_KEY = re.compile(
    r"django-insecure|(change|replace).?(me|this|with)|your.?(secret|key)|example|placeholder"
    r"|generate.?(me|this)|do.?not.?use|not.?for|^todo|://|^<.*>$|\$\{|\{\{|^\$\(.*\)$",
    re.I,
)
# What documents have where a user and a password, or a key, belong.
EXAMPLE = re.compile(r"//(user:password@host(?![\w.-])|KEY@domain|<|YOUR[_-])")
GUESSABLE = re.compile(r"(password|secret|insecure|key|test|my|qwerty|abcdefgh\w*)*", re.I)


def _is_weak(secret: str, length: int) -> bool:
    is_short = len(secret) < length or len(set(secret)) < DIFFERENT
    repeats = any(
        secret[n:] == secret[:-n] for n in range(1, min(LONGEST_REPEAT, len(secret) // 2) + 1)
    )
    words = re.sub(r"[\W\d_]", "", secret)  # "password-1234" is guessed like "password"
    is_known = PLACEHOLDER_IN_KEY.search(secret) or GUESSABLE.fullmatch(words)
    return is_short or repeats or bool(is_known)


def _weak_keys(env: Env) -> Iterator[VariableFault]:
    text = f"can be guessed: make it a random text of at least {KEY_LENGTH} characters"
    for name, keys in {
        "SECRET_KEY": [env.str("SECRET_KEY", "")],
        "SECRET_KEY_FALLBACKS": items(env, "SECRET_KEY_FALLBACKS"),
    }.items():
        if (keys != [""]) and any(_is_weak(key, KEY_LENGTH) for key in keys):
            yield VariableFault(name, text)


def _shared_keys(env: Env) -> Iterator[VariableFault]:
    """SECRET_KEY stays here: whoever gets it with another secret can sign as this site."""
    keys = {env.str("SECRET_KEY", ""), *items(env, "SECRET_KEY_FALLBACKS")}
    for name in ("WEBHOOK_SECRET", "METRICS_TOKEN", "MAIL_ACCOUNT_KEYS"):
        parts = [part for one in items(env, name) for part in (one, one.partition(":")[2])]
        if keys.intersection(filter(None, parts)):
            yield VariableFault(name, "is the same as SECRET_KEY: choose another one")


USER_AND_PASSWORD = re.compile(r"[\w.~+-]+:(?!//)[!-~]+", re.A)


def _webhook_faults(env: Env, debug: bool) -> Iterator[VariableFault]:
    secrets = items(env, "WEBHOOK_SECRET")
    parts = [secret.partition(":") for secret in secrets]
    if not all(map(USER_AND_PASSWORD.fullmatch, secrets)):
        yield VariableFault(
            "WEBHOOK_SECRET", "must look like user:password, as in the webhook's URL"
        )
    elif not debug and any(
        _is_weak(password, PASSWORD_LENGTH) for _user, _colon, password in parts
    ):
        text = (
            f"has a password that can be guessed: use {PASSWORD_LENGTH} random characters or more"
        )
        yield VariableFault("WEBHOOK_SECRET", text)


# -- Addresses ------------------------------------------------------------------------------------

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PUBLIC_PATH = re.compile(r"(/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+)*/*")


DNS_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def _public_url_faults(public_url: str, debug: bool) -> list[VariableFault]:
    problem = _public_url_problem(public_url, is_debug=debug)
    return [VariableFault("PUBLIC_URL", problem)] if problem else []


def _public_url_problem(public_url: str, *, is_debug: bool) -> str:
    if not public_url:
        return "" if is_debug else "is missing: set it to the site's own https:// address"
    example = "must look like https://www.example.com"
    if problem := _url_problem(public_url):
        return f"{example}: it {problem}"
    parts = urlsplit(public_url)
    if (
        "?" in public_url
        or parts.fragment
        or "@" in parts.netloc
        or not PUBLIC_PATH.fullmatch(parts.path)
    ):
        return example
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return example
    if parts.scheme == "http" and not is_debug and parts.hostname not in LOOPBACK:
        return "must begin with https://: passwords and sessions would travel in clear"
    return ""


UNREADABLE = "has a host or port that can't be read"


def _url_problem(url: str) -> str:
    """What keeps a server's URL from being read as it is meant; "" for nothing. Tells no secret."""
    escape = "percent-encode what is reserved in names and passwords (@ is %40, / is %2F, # is %23)"
    if "#" in url or re.search(r"\s|\\|%(?![0-9A-Fa-f]{2})", url) or not url.isprintable():
        return f"has a character that a URL can't have: {escape}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"{UNREADABLE}: {escape}"
    if parts.netloc.count("@") > 1 or "@" in parts.path + parts.query:
        return f"has more than one @, or one behind its host: {escape}"
    host = parts.netloc.rpartition("@")[2]
    if port == 0 or host.endswith(":"):
        return "has a port that must be a number from 1 to 65535"
    return _host_problem(parts.hostname or "", host)


def _host_problem(host: str, netloc: str) -> str:
    if netloc.startswith("["):
        is_whole = bool(re.fullmatch(r"\[[0-9A-Fa-f:.]+\](:[0-9]+)?", netloc))
        return "" if is_whole and is_ip(host) else UNREADABLE
    if not host.isascii():
        with suppress(ValueError):
            wire = for_wire(f"x@{host}").removeprefix("x@")
            return f"has a host with letters beyond ASCII: write it as {wire}"
        return "has a host with letters that no domain can have"
    labels = host.split(".") if host else []
    is_number = bool(labels) and labels[-1].isdecimal()
    if (
        len(host) > 253
        or not all(map(DNS_LABEL.fullmatch, labels))
        or (is_number and not is_ip(host))
    ):
        return f"has a host that can't be one: {host[:60]}"
    return ""


def _host_faults(hosts: list[str], public_url: str) -> Iterator[VariableFault]:
    host = split_url(public_url).hostname or ""
    if not host and not any(set("/*") & set(one) for one in hosts):
        return
    names = [one.strip("[]").lower() for one in hosts]
    is_in = any(host == one or (one[:1] == "." and f".{host}".endswith(one)) for one in names)
    if any("/" in one or "*" in one for one in hosts):
        yield VariableFault("ALLOWED_HOSTS", "must hold host names, without scheme, path or *")
    elif host and not is_in:
        yield VariableFault("ALLOWED_HOSTS", "must hold the host of PUBLIC_URL, or be left empty")


# -- Services -------------------------------------------------------------------------------------

CACHE_SCHEMES = ("redis", "rediss")
SERVICE_SCHEMES = {
    "CACHE_URL": CACHE_SCHEMES,
    "TASKS_URL": (*CACHE_SCHEMES, "amqp", "amqps"),
}


def _url_faults(env: Env) -> Iterator[VariableFault]:
    for name, schemes in SERVICE_SCHEMES.items():
        url = env.str(name, "")
        scheme, mark, _rest = url.partition("://")
        if url and (not mark or scheme not in schemes):
            known = " and ".join(f"{scheme}://…" for scheme in schemes)
            yield VariableFault(name, f"has an unknown scheme: {known} work")
        elif url and (problem := _url_problem(url)):
            yield VariableFault(name, problem)
        elif url and not urlsplit(url).hostname:
            yield VariableFault(name, f"has no host: it must look like {scheme}://host")
        elif scheme in CACHE_SCHEMES and not re.fullmatch(r"(/\d{0,4})?", urlsplit(url).path):
            yield VariableFault(name, f"must end with a number of a database: {scheme}://host/0")


def _gunicorn_faults(env: Env) -> Iterator[VariableFault]:
    """What gunicorn would refuse: the release step says so before a web process fails by it."""
    if not (given := env.str("GUNICORN_CMD_ARGS", "").strip()):
        return
    try:
        from gunicorn.config import Config  # noqa: PLC0415  (it fails where WEB_CONCURRENCY does)
    except ValueError:
        return
    config, told = Config(), StringIO()
    try:
        with redirect_stderr(told):
            for name, value in vars(config.parser().parse_args(shlex.split(given))).items():
                if name != "args" and value is not None:
                    config.set(name.lower(), value)
        assert config.address
    except (SystemExit, AttributeError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = (told.getvalue().splitlines() or [str(error)])[-1].rpartition("error: ")[2]
        yield VariableFault("GUNICORN_CMD_ARGS", f"has what gunicorn refuses: {reason[:100]}")


def _storage_faults(env: Env) -> Iterator[VariableFault]:
    wanted = env.str("PICTURE_STORAGE", "")
    if wanted.startswith("file:///"):
        is_right = wanted.strip("/") != "file:"
    else:
        is_right = not wanted or _is_in_module(*wanted.rpartition(".")[::2])
    if not is_right:
        yield VariableFault(
            "PICTURE_STORAGE", "must be file:///folder or the dotted name of a storage"
        )


def _is_in_module(module: str, name: str) -> bool:
    """Whether a module names something. It is not imported: models need the settings first."""
    try:
        spec = find_spec(module) if module else None
    except (ImportError, ValueError):
        return False
    source = Path((spec and spec.origin) or "")
    return source.suffix == ".py" and bool(re.search(rf"\b{re.escape(name)}\b", source.read_text()))


POSTGRES = {"postgres", "postgresql", "pgsql"}


def _database_faults(env: Env, debug: bool) -> list[VariableFault]:
    url = env.str("DATABASE_URL", "")
    problem = _database_problem(url, debug) if url.strip() else ""
    return [VariableFault("DATABASE_URL", problem)] if problem else []


def _database_problem(url: str, debug: bool) -> str:
    scheme, colon, rest = url.partition(":")
    known = "SQLite or PostgreSQL (sqlite:////folder/file, postgres://user:password@host/name)"
    if scheme not in {*POSTGRES, "sqlite"} or not rest.startswith("//"):
        kind = f"names {scheme[:20]}, which" if colon and "@" not in scheme else "is no URL of what"
        return f"{kind} is not supported: {known}"
    if problem := _sqlite_problem(rest, debug) if scheme == "sqlite" else _postgres_problem(url):
        return problem
    try:
        dj_database_url.parse(url)
    except ValueError:
        return f"can't be read: {known}"
    return ""


def _sqlite_problem(rest: str, debug: bool) -> str:
    file = Path(rest.removeprefix("///"))
    if "?" in rest or "#" in rest:
        return "has options, and SQLite takes none here"
    if not rest.startswith("///") or rest == "///" or ":memory:" in rest:
        in_memory = ":memory:" in rest or rest == "//"
        return "" if debug and in_memory else "must name a file: sqlite:////folder/file"
    if file.is_dir() or not file.parent.is_dir():
        return "must name a file in a folder that exists: sqlite:////folder/file"
    return ""


def _postgres_problem(url: str) -> str:
    example = "it must look like postgres://user:password@host/name"
    parts = urlsplit("")
    with suppress(ValueError):
        parts = urlsplit(url)
    # Several hosts, and sockets as an encoded folder, are libpq's own; Django passes them on.
    host = parts.netloc.rpartition("@")[2]
    plain = url if not re.search(r"[,%]", host) else url.replace(host, "host", 1)
    if problem := _url_problem(plain):
        return problem
    if not parts.path.strip("/"):
        return f"names no database: {example}"
    if "/" in parts.path.strip("/"):
        return f"has a / too many: {example}; in a password it is %2F"
    options = dict(one.partition("=")[::2] for one in parts.query.split("&") if one)
    ours = {"conn_max_age", "conn_health_checks", "pool", "isolation_level", "assume_role"}
    unknown = [name for name in options if name in ours or not _is_libpq(name)]
    return f"has the option {unknown[0][:30]}, which is unknown" if unknown else ""


def _is_libpq(name: str) -> bool:
    try:
        make_conninfo(**{name: "1"})
    except psycopg.ProgrammingError:
        return False
    return True


def _mailbox_faults(env: Env) -> list[VariableFault]:
    found = []
    for variable in ("MAIL_BOUNCE_ADDRESS", "MAIL_UNSUBSCRIBE"):
        address = env.str(variable, "")
        if address and (not is_address(address) or set(address) & set('+ <>:;,"()')):
            found.append(
                VariableFault(variable, "must be a bare address such as bounces@example.com")
            )
    for variable in ("MAIL_BOUNCE_URL", "MAIL_UNSUBSCRIBE_URL"):
        try:
            mailbox_at(env.str(variable, "") or "imaps://user:password@host")
        except ValueError as error:
            found.append(VariableFault(variable, str(error)))
    if env.str("MAIL_BOUNCE_URL", "") and not env.str("MAIL_BOUNCE_ADDRESS", ""):
        found.append(
            VariableFault("MAIL_BOUNCE_ADDRESS", "is missing: the address of MAIL_BOUNCE_URL")
        )
    return found


def _unreadable(env: Env) -> list[VariableFault]:
    try:
        env.seal()
    except EnvValidationError as error:
        messages: Any = error.error_messages  # by variable, when an Env that isn't eager is sealed
        return [VariableFault(name, "; ".join(texts)) for name, texts in messages.items()]
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
    with suppress(OSError):  # opening the file says why
        folder.mkdir(parents=True, exist_ok=True)
    local = f"sqlite:///{folder / 'mailroom.sqlite3'}" if debug else "sqlite://:memory:"
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(env.str("DATABASE_URL", "") or local))
    except ValueError:
        config = dict(dj_database_url.parse(local))
    if config["ENGINE"].endswith("sqlite3"):
        # WAL lets readers go on beside the one writer; IMMEDIATE waits for the lock at the start of
        # a transaction instead of failing in its middle. temp_store: each window of email would
        # otherwise write a temporary file.
        config["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA temp_store=MEMORY;",
        }
    elif "postgresql" in config["ENGINE"]:
        for name, value in _postgres(env).items():
            config[name] = {**config.get(name, {}), **value} if name == "OPTIONS" else value
    return config


def _postgres(env: Env) -> dict[str, Any]:
    """A pool where DATABASE_POOL_SIZE says so: more threads than connections may then serve."""
    size = env.int("DATABASE_POOL_SIZE", 0, validate=between(0, 1000))
    if not size:
        return {"CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 60}
    pool = {"min_size": 1, "max_size": size, "timeout": POOL_PATIENCE}
    return {"CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 0, "OPTIONS": {"pool": pool}}


def cache(url: str) -> dict[str, Any]:
    """A cache that all processes share, or rate limits would count in each: Redis or a table."""
    keyed = {"KEY_FUNCTION": "accounts.transactions.cache_key"}
    if url.startswith(("redis://", "rediss://")):
        return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url, **keyed}
    return {
        **keyed,
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


# -- Serving --------------------------------------------------------------------------------------

# Gunicorn starts a worker that ended again and again, unless it ended with this number.
GUNICORN_BOOT_ERROR = 3


def refuse_to_serve() -> None:
    """End the process, listing every fault at once, where the configuration is faulty."""
    from mailroom.checks import refuse_faulty_configuration  # noqa: PLC0415  (needs the settings)

    try:
        refuse_faulty_configuration()
    except SystemExit as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(GUNICORN_BOOT_ERROR)
