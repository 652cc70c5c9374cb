"""A wish to stop, which the engine looks at between two windows."""

import threading

_wanted = threading.Event()


def want(*_: object, **__: object) -> None:
    """Ask everything in this process to stop at the next safe place; usable as a signal handler.

    An event is set under a lock, which the main thread may hold at the moment it is interrupted: a
    handler that waited for it would wait for ever. So another thread sets it.
    """
    threading.Thread(target=_wanted.set, daemon=True).start()


def is_wanted() -> bool:
    """True once a shutdown was asked for."""
    return _wanted.is_set()


def wait(seconds: float) -> bool:
    """Sleep for up to `seconds`, less where a shutdown is asked for; True in that case."""
    return _wanted.wait(seconds)
