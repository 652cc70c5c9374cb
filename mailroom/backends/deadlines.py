"""A socket's time-out is for each piece that arrives; these are for a whole answer.

A server that sends a byte a second would never time out otherwise.
"""

import http.client
import io
import socket
import time
from collections.abc import Callable
from typing import Any


class DeadlineReader(io.RawIOBase):
    """Reads from a socket until a deadline.

    raw: the socket's own reader. remaining: seconds until the deadline, None for none. Raises
    TimeoutError where the deadline has come.
    """

    def __init__(
        self, raw: io.RawIOBase, sock: socket.socket, remaining: Callable[[], float | None]
    ) -> None:
        self._raw, self._sock, self._remaining = raw, sock, remaining

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        seconds = self._remaining()
        if seconds is not None:
            if seconds <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(seconds)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class DeadlineResponse(http.client.HTTPResponse):
    """An HTTP answer that must be complete within the time-out that its socket has now."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if seconds := sock.gettimeout():
            until = time.monotonic() + seconds
            raw: Any = self.fp.detach()
            reader = DeadlineReader(raw, sock, lambda: until - time.monotonic())
            self.fp = io.BufferedReader(reader)
