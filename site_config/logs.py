"""Logs: in production one line of JSON each, with the request's id and no secret."""

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse

request_id: ContextVar[str] = ContextVar("request_id", default="")

HEADER = "X-Request-ID"
GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")  # by the platform's router, which has it in its own log
# Links in mails carry signed tokens; whoever reads a log must not be able to follow them.
TOKEN = re.compile(r"/[A-Za-z0-9_.:=-]{24,}")
PASSWORD_IN_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")


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


class Discreet(logging.Filter):
    """Take secrets out of a record: tokens in paths, passwords in URLs, the secret keys."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = conceal(record.getMessage()), ()
        return True


def conceal(text: str) -> str:
    """The text without what would open a door."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        text = text.replace(key, "…")
    return TOKEN.sub("/…", PASSWORD_IN_URL.sub("…", text))
