"""Logs: in production one line of JSON each, with the request's id and no secret."""

import fcntl
import json
import logging
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import log
from django.utils.safestring import SafeString
from django.views import debug
from pythonjsonlogger.json import JsonFormatter as PlainJsonFormatter

from mailroom.config.schemes import ANYMAIL
from mailroom.masking import SECRET_NAME, credentials, pattern

request_id: ContextVar[str] = ContextVar("request_id", default="")

HEADER = "X-Request-ID"
GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")  # by the platform's router, which has it in its own log


class RequestIdMiddleware:
    """Give each request an id: the platform's where it sent one. It goes back with the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        mark = request_id.set(given if GIVEN.fullmatch(given) else uuid.uuid4().hex)
        try:
            response = self.get_response(request)
            response[HEADER] = request_id.get()
        finally:
            request_id.reset(mark)
        return response


class Context(logging.Filter):
    """Put the request's id on a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


# What a request did wrong: Django logs these as errors, and strangers could fill the mailboxes of
# ADMINS by them.
FAULTS_OF_REQUESTS = (
    "DisallowedHost",
    "DisallowedRedirect",
    "InvalidSessionKey",
    "RequestDataTooBig",
    "SuspiciousFileOperation",
    "SuspiciousMultipartForm",
    "SuspiciousOperation",
    "SuspiciousSession",
    "TooManyFieldsSent",
    "TooManyFilesSent",
)


class AsWarning(logging.Filter):
    """Make a warning of an error that is the request's fault."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno == logging.ERROR:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


def logging_config(debug: bool) -> dict[str, Any]:
    """Everything to stdout; errors also to ADMINS, through the mailer that never raises."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "production": {"()": "django.utils.log.RequireDebugFalse"},
            "context": {"()": "site_config.logs.Context"},
            "as_warning": {"()": "site_config.logs.AsWarning"},
        },
        "formatters": {
            "line": {
                "()": "site_config.logs.LineFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            },
            "json": {
                "()": "site_config.logs.JsonFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            },
        },
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "filters": ["context"],
                "formatter": "line" if debug else "json",
            },
            "admins": {
                "class": "site_config.logs.AdminEmailHandler",
                "level": "ERROR",
                "filters": ["production"],
                "using": "ops",
            },
        },
        "root": {"handlers": ["stdout"], "level": "INFO"},
        "loggers": {
            "django": {"handlers": ["admins"], "level": "INFO", "propagate": True},
            "django.server": {"handlers": ["stdout"], "level": "INFO", "propagate": False},
            **{f"django.security.{one}": {"filters": ["as_warning"]} for one in FAULTS_OF_REQUESTS},
            # A line for each nudge would drown everything else.
            "django.tasks": {"level": "WARNING"},
            "django_ox": {"level": "WARNING"},
            "flufl.bounce": {"level": "WARNING"},  # it tells each detector it tries
            "mailroom": {"handlers": ["admins"], "level": "INFO", "propagate": True},
        },
    }


# -- What must not be logged -------------------------------------------------------------------


# Links in emails carry signed tokens: whoever reads a log must not be able to follow them. The
# names of Python's files, in tracebacks, may be as long.
TOKEN_IN_PATH = re.compile(r"(/|%2F)(?![\w.-]+\.py\b)[A-Za-z0-9_.:=-]{24,}", re.IGNORECASE)
# An argument of a query string, also where the query string is quoted in another one.
ARGUMENT = re.compile(
    r"([?&;]|%3F|%26)((?:\w|%5F){0,40}(?:key|token|pass|pwd|secret|code|signature|sig|auth)\w{0,40})"
    r"(=|%3D)"
    r"[^\s&;\"'<>]*?(?=%26|[\s&;\"'<>]|$)",
    re.IGNORECASE,
)
URL = re.compile(r"://[^\s\"'<>]+")
# The answers of AUTH (RFC 4954), and the Authorization header: base64 of names and passwords.
AUTH = re.compile(r"(AUTH (?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER) |(?:Basic|Bearer) )[\w+/=.~-]+", re.I)
SHORTEST_REDACTED = 6  # what is shorter stands in ordinary words, too
REDACTED = "…"
# A secret beside its name, as texts of dicts, forms and cookies have it.
_QUOTE = r"(?:\\{0,8}[\"']|&quot;|&#x27;|&#39;)"
_NAMED = (
    r"[\w-]{0,40}(?:passw|pwd|passphrase|secret|token|credential|session|cookie|authorization"
    r"|(?:api|access|private|signing)[_-]?key)[\w-]{0,40}"
)
NAMED = re.compile(
    rf"(\b{_NAMED}=|{_QUOTE}{_NAMED}{_QUOTE}(?::|,|\]?\s?=)\s?)"
    rf"(?:[bru]?({_QUOTE})(?:(?!\2).){{1,4000}}(\2)|[^\s\"',;&<>{{}}()\[\]]+)",
    re.IGNORECASE,
)
FIELD = re.compile(r"pass|key|token|secret|code|credential|session|cookie|auth|sign", re.I)


class LineFormatter(logging.Formatter):
    """A line of text, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return conceal(super().format(record))


class JsonFormatter(PlainJsonFormatter):
    """A line of JSON, tracebacks included.

    Masked before it is written as JSON, which changes quotes, backslashes and letters of a secret.
    """

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        concealed: dict[str, Any] = _concealed(super().process_log_record(log_data))
        return concealed


def _concealed(value: Any) -> Any:
    match value:
        case dict():
            return {conceal(str(name)): _concealed(one) for name, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_concealed(one) for one in value]
        case None | bool() | int() | float():
            return value
    return conceal(str(value))


class AdminEmailHandler(log.AdminEmailHandler):
    """Django's, with secrets redacted, and limited: see site_config.logs."""

    def emit(self, record: logging.LogRecord) -> None:
        if not settings.ADMINS:
            return
        left_out = admit(key_of(record))
        if left_out is not None:
            record.left_out = left_out
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        left_out = getattr(record, "left_out", None)
        if not left_out or not any(left_out):
            return text
        counts = f"this error {left_out.same} more times, other errors {left_out.others} times"
        return f"{text}\n\nNot sent since the last email: {counts}."

    def send_mail(
        self, subject: Any, message: Any, *args: Any, html_message: Any = None, **kwargs: Any
    ) -> None:
        concealed = conceal(str(html_message)) if html_message else None
        super().send_mail(
            conceal(str(subject)),
            conceal(str(message)),
            *args,
            html_message=concealed,
            **kwargs,
        )


class ExceptionReporter(debug.ExceptionReporter):
    """Django's report of an error, for email and for the page with DEBUG, without secrets."""

    def get_traceback_data(self) -> dict[str, Any]:
        request: Any = self.request
        try:
            getattr(request, "POST", None)
        except Exception:  # noqa: BLE001  (a body that can't be read may be what is reported)
            request._mark_post_parse_error()
        data: dict[str, Any] = super().get_traceback_data()
        for name in ("request_GET_items", "filtered_POST_items"):
            data[name] = _without_secrets(data.get(name, ()))
        cookies = data.get("request_COOKIES_items", ())
        data["request_COOKIES_items"] = [(name, REDACTED) for name, _value in cookies]
        if query := data.get("request_meta", {}).get("QUERY_STRING"):
            data["request_meta"]["QUERY_STRING"] = conceal(f"?{query}")[1:]
        for frame in data.get("frames", ()):
            frame["vars"] = _without_secrets(frame["vars"])
        return data

    def get_traceback_html(self) -> SafeString:
        return SafeString(conceal(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(conceal(super().get_traceback_text()))


def _without_secrets(pairs: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(name, REDACTED if FIELD.search(name) else value) for name, value in pairs]


def conceal(text: str) -> str:
    """Return the text without keys, passwords, tokens and signed links."""
    text = _known().sub(REDACTED, text)
    text = ARGUMENT.sub(rf"\1\2\3{REDACTED}", URL.sub(_without_password, text))
    text = NAMED.sub(rf"\1\2{REDACTED}\3", text)
    return TOKEN_IN_PATH.sub(rf"\1{REDACTED}", AUTH.sub(rf"\1{REDACTED}", text))


def _without_password(url: re.Match[str]) -> str:
    """A URL without what is up to the last @: a password may have / and @ in it."""
    _account, at, rest = url[0].rpartition("@")
    return f"://{REDACTED}@{rest}" if at else url[0]


def _known() -> re.Pattern[str]:
    """The secrets of the settings; where those can't be read, of the environment they come from."""
    try:
        return _of_settings()
    except Exception:  # noqa: BLE001  (what is wrong with them is about to be logged)
        return _of_environment()


def _of_environment() -> re.Pattern[str]:
    named = [value for name, value in os.environ.items() if SECRET_NAME.search(name)]
    found = _split(named)
    urls = re.findall(r"\w+://[^\s()]+", " ".join(os.environ.values()))
    return pattern([*found, *_passwords_of(urls)], shortest=SHORTEST_REDACTED)


@cache
def _of_settings() -> re.Pattern[str]:
    """Keys and passwords of this installation, read once from the settings."""
    secrets, users = credentials(settings.MAILERS)
    names = ("TASKS_URL", "MAIL_BOUNCE_URL", "MAIL_UNSUBSCRIBE_URL")
    services = [getattr(settings, name, "") for name in names]
    services += [one.get("LOCATION", "") for one in settings.CACHES.values()]
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, *settings.MAIL_ACCOUNT_KEYS]
    keys += [settings.METRICS_TOKEN, *chain(*settings.WEBHOOK_KEYS.values())]
    for database in settings.DATABASES.values():
        keys += credentials({"": {"OPTIONS": database}})[0]
    found = [*keys, *secrets, *_split(settings.WEBHOOK_SECRETS), *_passwords_of(services)]
    return pattern(found, users, shortest=SHORTEST_REDACTED)


def _split(values: Iterable[str]) -> list[str]:
    """Values, the items of those that are lists, and the passwords of `user:password`."""
    items = [item for value in values for item in (value, *value.split(","))]
    return [one for item in items for one in (item, item.partition(":")[2])]


def _passwords_of(urls: Iterable[Any]) -> Iterator[str]:
    """What is secret in URLs, as it is written and as it is meant."""
    for url in filter(lambda one: isinstance(one, str), urls):
        scheme, _mark, rest = url.partition("://")
        place, _mark, query = rest.partition("?")
        account, at, _host = place.rpartition("@")
        found = [account.partition(":")[2]]
        if scheme in ANYMAIL:  # its keys are in the place of a user, or alone in that of a host
            found += (account if at else place).split(":")
        found += [value for name, value in parse_qsl(query) if SECRET_NAME.search(name)]
        for secret in found:
            yield from (secret, unquote(secret))


@receiver(setting_changed)
def _read_again(**_: object) -> None:
    """As Django's own caches of settings do: it is sent by tests alone."""
    _of_settings.cache_clear()


# -- Error emails ------------------------------------------------------------------------------


SAME_SECONDS = 600  # between two emails about the same error
HOUR_SECONDS, MOST_AN_HOUR = 3600, 20
MOST_KEYS = 200  # errors that are remembered

_memory: dict[str, Any] = {}
_lock = threading.Lock()


class LeftOut(NamedTuple):
    """What was not sent since the last email: the same error again, and others."""

    same: int
    others: int


def admit(key: str) -> LeftOut | None:
    """Count an error; what was left out before, or None where it must not be sent now."""
    with _lock:
        try:
            return _admit_in_file(key, settings.ERROR_EMAIL_STATE)
        except OSError:
            return _count(_memory, key, time.time())


def key_of(record: logging.LogRecord) -> str:
    """The same text for the same error, whatever strangers put into its words.

    An exception is known by its type and the line that raised it, anything else by the line that
    logged it.
    """
    kind, _error, trace = record.exc_info or (None, None, None)
    if kind is None or trace is None:
        return f"{record.name} {record.pathname}:{record.lineno}"
    while trace.tb_next:
        trace = trace.tb_next
    return f"{kind.__name__} {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def forget_errors() -> None:
    """Forget what is kept in memory."""
    _memory.clear()


def _admit_in_file(key: str, path: Path | None) -> LeftOut | None:
    if path is None:
        return _count(_memory, key, time.time())
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not through a link that somebody else may have put there.
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(number, "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        state = _read(file.read())
        answer = _count(state, key, time.time())
        file.seek(0)
        file.truncate()
        json.dump(state, file)
    return answer


def _read(text: str) -> dict[str, Any]:
    """The stored count; an empty one for a file that a full disk cut short."""
    try:
        state = json.loads(text)
        return {
            "sent": [float(at) for at in state["sent"]],
            "seen": {str(k): [float(at), int(n)] for k, (at, n) in state["seen"].items()},
            "others": int(state["others"]),
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _count(state: dict[str, Any], key: str, now: float) -> LeftOut | None:
    # A time in the future comes from a clock that was wrong.
    sent = [at for at in state.get("sent", []) if now - HOUR_SECONDS < at <= now]
    seen: dict[str, list[Any]] = state.get("seen", {})
    others: int = state.get("others", 0)
    at, same = seen.get(key, [0.0, 0])
    is_recent = now - SAME_SECONDS < at <= now
    if is_recent or len(sent) >= MOST_AN_HOUR:
        seen[key] = [at if is_recent else 0.0, same + 1]
        answer = None
    else:
        sent.append(now)
        others = sum(n for other, (_, n) in seen.items() if other != key) + others
        answer = LeftOut(same, others)
        seen = {other: [at, 0] for other, (at, _) in seen.items() if now - SAME_SECONDS < at <= now}
        seen[key] = [now, 0]
        others = 0
    while len(seen) > MOST_KEYS:
        oldest = min(seen, key=lambda one: seen[one][0])
        others += seen.pop(oldest)[1]
    state.update(sent=sent, seen=seen, others=others)
    return answer
