"""A wish to stop, which the engine looks at between two windows."""

import threading

_wanted = threading.Event()


def want(*_: object, **__: object) -> None:
    """Ask everything in this process to stop at the next safe place; usable as a signal handler."""
    _wanted.set()


def is_wanted() -> bool:
    """True once a shutdown was asked for."""
    return _wanted.is_set()


def wait(seconds: float) -> bool:
    """Sleep for up to `seconds`, less where a shutdown is asked for; True in that case."""
    return _wanted.wait(seconds)
