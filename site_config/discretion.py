"""Redact secrets from logs and error emails."""

import base64
import html
import json
import logging
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils import log
from pythonjsonlogger.json import JsonFormatter as PlainJsonFormatter

from site_config import error_limit

# Links in emails carry signed tokens: whoever reads a log must not be able to follow them. The
# names of Python's files, in tracebacks, may be as long.
TOKEN = re.compile(r"(/|%2F)(?![\w.-]+\.py\b)[A-Za-z0-9_.:=-]{24,}", re.IGNORECASE)
# An argument of a query string, also where the query string is quoted in another one.
ARGUMENT = re.compile(
    r"([?&;]|%3F|%26)((?:\w|%5F)*(?:key|token|pass|pwd|secret|code|signature|sig|auth)\w*)(=|%3D)"
    r"[^\s&;\"'<>]*?(?=%26|[\s&;\"'<>]|$)",
    re.IGNORECASE,
)
# Up to the last @: a password may have / and @ in it.
PASSWORD_IN_URL = re.compile(r"(?<=://)[^\s\"'<>]*(?=@)")
# The answers of AUTH (RFC 4954), and the Authorization header: base64 of names and passwords.
AUTH = re.compile(r"(AUTH (?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER) |(?:Basic|Bearer) )[\w+/=.~-]+", re.I)
SECRET_OPTION = re.compile(r"pass|key|token|secret", re.IGNORECASE)
SHORTEST = 6  # what is shorter stands in ordinary words, too
MASK = "…"


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
    """Django's, with secrets redacted, and limited: see site_config.error_limit."""

    def emit(self, record: logging.LogRecord) -> None:
        if not settings.ADMINS:
            return
        left_out = error_limit.admit(error_limit.key_of(record))
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


def conceal(text: str) -> str:
    """Return the text without keys, passwords, tokens and signed links."""
    for secret in _secrets():
        text = text.replace(secret, MASK)
    text = ARGUMENT.sub(rf"\1\2\3{MASK}", PASSWORD_IN_URL.sub(MASK, text))
    return TOKEN.sub(rf"\1{MASK}", AUTH.sub(rf"\1{MASK}", text))


@cache
def _secrets() -> list[str]:
    """Keys and passwords of this installation, in every form a text may have them; longest first.

    Read once from the settings.
    """
    found = {form for secret in _plain_secrets() for form in _forms(secret)}
    return sorted((one for one in found if len(one) >= SHORTEST), key=len, reverse=True)


def _plain_secrets() -> Iterator[str]:
    yield from [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, *settings.MAIL_ACCOUNT_KEYS]
    for secret in settings.WEBHOOK_SECRETS:
        yield from (secret, secret.partition(":")[2], _base64(secret))
    yield from (key for keys in settings.WEBHOOK_KEYS.values() for key in keys)
    yield settings.DATABASES["default"].get("PASSWORD") or ""
    names = ("TASKS_URL", "MAIL_BOUNCE_URL", "MAIL_UNSUBSCRIBE_URL")
    yield from _passwords_of([getattr(settings, name, "") for name in names])
    caches: Any = settings.CACHES
    yield from _passwords_of(one.get("LOCATION", "") for one in caches.values())
    mailers: Any = settings.MAILERS
    for mailer in mailers.values():
        options = mailer.get("OPTIONS", {})
        secrets = [str(value) for name, value in options.items() if _is_secret(name, value)]
        yield from secrets
        users = [str(options[name]) for name in ("username", "user") if options.get(name)]
        for user, secret in product(users, secrets):
            yield from (_base64(f"\0{user}\0{secret}"), _base64(f"{user}:{secret}"))
        yield from map(_base64, secrets)


def _is_secret(name: str, value: Any) -> bool:
    return isinstance(value, str) and bool(SECRET_OPTION.search(name))


def _passwords_of(urls: Iterable[Any]) -> Iterator[str]:
    """Passwords in URLs, as they are written and as they are meant."""
    for url in urls:
        if isinstance(url, str) and "@" in url:
            _scheme, _colon, rest = url.partition("://")
            password = rest.rpartition("@")[0].partition(":")[2]
            yield from (password, unquote(password))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _forms(secret: str) -> set[str]:
    """How a secret looks where it was quoted: in a URL, in JSON, in Python or in HTML."""
    if len(secret) < SHORTEST:
        return set()
    plain = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
    plain |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    plain |= {repr(secret)[1:-1], ascii(secret)[1:-1], repr(secret.encode())[2:-1]}
    return (
        plain | {html.escape(one) for one in plain} | {one.lower() for one in plain if "%" in one}
    )


@receiver(setting_changed)
def _read_again(**_: object) -> None:
    """As Django's own caches of settings do: it is sent by tests alone."""
    _secrets.cache_clear()
