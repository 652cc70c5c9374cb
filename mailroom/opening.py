"""The backend to send by, with what makes it fast around it."""

from anymail.backends.base import AnymailBaseBackend
from django.core.mail import mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from mailroom.backends.calls import CALLS_AT_ONCE, CallsBackend, takes_raw
from mailroom.batch_calls import BATCH_CALLS
from mailroom.channels import providers

LARGEST_WINDOW = 100


def mailer_for(alias: str) -> BaseEmailBackend:
    """A new backend of MAILERS; one of Anymail's is wrapped, to make many calls at once."""
    return CallsBackend(alias) if _is_api(alias) else mailers[alias]


def window_limits(alias: str) -> tuple[int, int]:
    """How many rows a window has at least and at most, by who may carry them.

    A call to a batch API is one window; calls side by side begin together.
    """
    least, most = [], []
    for provider in providers(alias):
        batch = BATCH_CALLS.get(_path(provider))
        at_once = CALLS_AT_ONCE if _is_api(provider) else 1
        least.append(batch.most if batch else at_once)
        most.append(batch.most if batch else LARGEST_WINDOW)
    return min(least, default=1), min(most, default=LARGEST_WINDOW)


def takes_bytes(alias: str) -> bool:
    """True where a mailer below can send bytes as they are."""
    paths = [path for provider in providers(alias) if (path := _path(provider))]
    return any(takes_raw(p) or getattr(import_string(p), "takes_bytes", False) for p in paths)


def _path(alias: str) -> str:
    path: str = mailers.settings.get(alias, {}).get("BACKEND", "")
    return path


def _is_api(alias: str) -> bool:
    path = _path(alias)
    return bool(path) and issubclass(import_string(path), AnymailBaseBackend)
