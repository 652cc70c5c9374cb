"""Logs: in production one line of JSON each, with the request's id and no secret."""

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse

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


def configuration(debug: bool) -> dict[str, Any]:
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
                "()": "site_config.discretion.LineFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            },
            "json": {
                "()": "site_config.discretion.JsonFormatter",
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
                "class": "site_config.discretion.AdminEmailHandler",
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
