"""Follow one confirmation email through the code: `python -m tests.tracing`.

Signs somebody up in a database of its own, with a real SMTP server, and notes each function of the
project that runs, in all threads, from the adapter until the email is sent.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType

ROOT = Path(__file__).resolve().parent.parent
START = ("accounts/adapter.py", "AccountAdapter.send_mail")
# Not the way of an email: logging, jobs that run again and again, and the test itself.
ASIDE = ("site_config/logs.py", "mailroom/worker/", "tests/", ".venv/")


class Trace:
    """Which code ran, in the order in which it began."""

    def __init__(self) -> None:
        self.codes: dict[CodeType, str] = {}
        self._begun = False
        self._over: set[int] = set()  # threads that have done their part
        self._places: dict[str, str] = {}

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        """Note a call. The profile function of every thread."""
        code, thread = frame.f_code, threading.get_ident()
        if event == "return" and self._begun and code.co_qualname == START[1]:
            self._over.add(thread)  # the answer to the request is not the email's way
        if event != "call" or code in self.codes or thread in self._over:
            return
        place = self._places.get(code.co_filename)
        if place is None:
            place = self._places[code.co_filename] = self._place(code.co_filename)
        # Modules and classes run when they are imported, which is not the email's way.
        if place and code.co_flags & CO_OPTIMIZED and not code.co_name.startswith("<"):
            self._begun = self._begun or (place, code.co_qualname) == START
            if self._begun:
                self.codes[code] = place

    def _place(self, name: str) -> str:
        path = Path(name)
        if not path.is_relative_to(ROOT):
            return ""
        found = path.relative_to(ROOT).as_posix()
        return "" if found.startswith(ASIDE) else found

    @property
    def files(self) -> list[str]:
        """The files that take part, in the order in which they come in."""
        return list(dict.fromkeys(self.codes.values()))

    def functions(self, file: str) -> list[str]:
        """The functions of a file that ran."""
        return [code.co_qualname for code, place in self.codes.items() if place == file]

    @property
    def lines(self) -> int:
        """How many lines the functions have together."""
        return sum(_last_line(code) - code.co_firstlineno + 1 for code in self.codes)


def _last_line(code: CodeType) -> int:
    return max((line for *_, line in code.co_lines() if line), default=code.co_firstlineno)


@contextmanager
def profiled(trace: Trace) -> Iterator[None]:
    """Call the trace for every call of a function, in this thread and in those that begin now."""
    threading.setprofile_all_threads(trace)
    sys.setprofile(trace)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile_all_threads(None)


def trace_sign_up() -> Trace:
    """Sign up and send the confirmation by a worker's lanes; needs the settings and a database."""
    from mailroom.delivery import shutdown, wakeups
    from mailroom.delivery.engine import Lanes

    trace, lanes = Trace(), Lanes()
    unsubscribe = wakeups.listen(lanes.wake)
    worker = threading.Thread(target=lanes.run, name="lanes")
    with profiled(trace):
        worker.start()
        try:
            _sign_up()
        finally:
            shutdown.want()
            lanes.stop()
            worker.join()
            unsubscribe()
    return trace


def _sign_up() -> None:
    from django.test import Client

    from mailroom.models import Delivery

    fields = {"email": "ada@example.com", "name": "Ada"}
    fields |= {f"password{n}": "correct horse battery" for n in (1, 2)}
    answer = Client().post("/accounts/signup/", fields)
    if answer.status_code != 302:
        raise RuntimeError(answer.content.decode())
    until = time.monotonic() + 30
    while not Delivery.objects.filter(state=Delivery.State.SENT).exists():
        if time.monotonic() > until:
            raise TimeoutError(f"still {Delivery.objects.get().state}")
        time.sleep(0.05)


def main() -> None:
    """Print the files and functions that the email passed, in order."""
    from tests import environment  # noqa: F401  (before the settings)
    from tests.mailroom.fakes.smtp import SMTPServer

    with SMTPServer() as server, tempfile.TemporaryDirectory() as folder:
        os.environ["DATABASE_URL"] = f"sqlite:///{folder}/trace.sqlite3"
        os.environ["MAILER_URL"] = server.url
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        trace = trace_sign_up()
    for file in trace.files:
        sys.stdout.write("\n    ".join([file, *trace.functions(file)]) + "\n")
    numbers = f"{len(trace.files)} files, {len(trace.codes)} functions, {trace.lines} lines"
    sys.stdout.write(numbers + "\n")


if __name__ == "__main__":
    main()
