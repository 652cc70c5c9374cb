"""A wish to stop is heard at any moment."""

import signal
import threading

from mailroom.delivery import shutdown


def test_a_signal_that_comes_while_the_wish_is_looked_at_stops_too():
    asked = threading.Event()

    def ask() -> None:
        with shutdown._wanted._cond:  # as the main thread holds it for a moment in each wait
            shutdown.want(signal.SIGTERM, None)
        asked.set()

    threading.Thread(target=ask, daemon=True).start()

    assert asked.wait(10), "the handler waits for the lock that it interrupted"
    assert shutdown.wait(10)
