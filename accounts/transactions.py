"""One transaction for a change and its email, which rolls back no rate limit's count."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.core.cache.backends import db
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from mailroom.signing import keyed_digest

View = Callable[..., HttpResponseBase]
Written = dict[tuple[Any, int | None], tuple[Any, Any]]  # key and version → value and timeout

# Hashes that were made before the transaction, by their passwords.
_hashes: ContextVar[dict[str, str] | None] = ContextVar("hashes", default=None)
_written: ContextVar[Written | None] = ContextVar("written", default=None)


def in_one_transaction(view: View) -> View:
    """Commit what a form changes together with the email about it.

    allauth commits the change first: a process that dies between the two would leave an account
    without its confirmation email, or a new password nobody was told of.
    """
    whole = transaction.atomic(view)

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        password = request.POST.get("password1", "")
        # Slow by design: made inside, it would keep everybody else from writing to SQLite.
        hashes = {password: make_password(password)} if password else {}
        made = _hashes.set(hashes)
        written: Written = {}
        mark = _written.set(written)
        try:
            return whole(request, *args, **kwargs)
        except Exception:
            _written.set(None)
            _write_again(written)
            raise
        finally:
            _written.reset(mark)
            _hashes.reset(made)

    return wrapped


def hash_of(password: str) -> str:
    """The hash of a password: the one made before the transaction, or a new one."""
    return (_hashes.get() or {}).pop(password, "") or make_password(password)


def cache_key(key: str, prefix: str, version: int) -> str:
    """Name an entry by a keyed hash: allauth's own, of an address, could be found by guessing."""
    return keyed_digest("accounts.cache", f"{prefix}:{version}:{key}").hex()


class DatabaseCache(db.DatabaseCache):
    """Django's, which remembers what a view writes: its table is rolled back with the view.

    A request that fails must count like any other, or it could be repeated without limit.
    """

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        written = _written.get()
        if written is not None:
            written[key, version] = value, timeout
        super().set(key, value, timeout, version)


def _write_again(written: Written) -> None:
    """Write the counts after a rollback, with what other requests have counted meanwhile."""
    for (key, version), (value, timeout) in written.items():
        others = cache.get(key, version=version)
        if isinstance(value, list) and isinstance(others, list):
            value = sorted({*value, *others}, reverse=True)  # noqa: PLW2901
        cache.set(key, value, timeout, version)
