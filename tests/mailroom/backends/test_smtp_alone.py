"""Our SMTP backend in a project that has nothing of ours installed, used as Django's own."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.mail import EmailMessage

from mailroom.backends.smtp import EmailBackend
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import SMTPServer

ALONE = """
import sys
from django.conf import settings
from django.core.mail import EmailMessage, mailers
import django

options = {"host": "127.0.0.1", "port": int(sys.argv[1]), "timeout": 20}
mailer = {"BACKEND": "mailroom.backends.smtp.EmailBackend", "OPTIONS": options}
settings.configure(MAILERS={"default": mailer})
django.setup()
from mailroom.backends.smtp import EmailBackend
message = EmailMessage("Hello", "Good day.", "a@example.com", ["b@example.com"])
assert mailers["default"].send_messages([message]) == 1
assert isinstance(mailers["default"], EmailBackend)
known = set(sys.stdlib_module_names) | {"django", "asgiref", "sqlparse", "mailroom"}
loaded = {name.partition(".")[0] for name in sys.modules} - before
loaded = {name for name in loaded - known if not name.startswith("_")}
print(sorted(loaded), [name for name in sys.modules if name.startswith("mailroom.models")])
"""


def test_it_sends_with_django_alone():
    with SMTPServer() as server:
        script = "import sys\nbefore = {name.partition('.')[0] for name in sys.modules}\n" + ALONE
        done = subprocess.run(
            [sys.executable, "-c", script, str(server.port)],
            cwd=Path(__file__).parents[3],
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.stdout == "[] []\n", done.stderr
    assert [one.recipients for one in server.received] == [["b@example.com"]]


@pytest.fixture
def nowhere() -> EmailBackend:
    """A mailer that fails as soon as it opens a connection."""
    return EmailBackend(alias="smtp", host="127.0.0.1", port=closed_port(), timeout=1)


@pytest.mark.parametrize("messages", [[], iter([]), (), [EmailMessage("To nobody", "", "a@b.c")]])
def test_for_nothing_no_connection_is_opened(nowhere, messages):
    assert nowhere.send_messages(messages) == 0


def test_any_iterable_of_messages_is_sent():
    with SMTPServer() as server:
        mailer = EmailBackend(alias="smtp", host="127.0.0.1", port=server.port, timeout=20)
        to = ["a@example.com", "b@example.com"]
        mails = (EmailMessage("Hello", "", "me@example.com", [one]) for one in to)

        assert mailer.send_messages(mails) == 2

    assert [one.recipients for one in server.received] == [["a@example.com"], ["b@example.com"]]


def test_two_spellings_of_an_address_get_one_copy():
    with SMTPServer() as server:
        mailer = EmailBackend(alias="smtp", host="127.0.0.1", port=server.port, timeout=20)
        to, cc = ["A@X.example", "b@bücher.example"], ["a@x.EXAMPLE", "B@xn--bcher-kva.example"]
        mailer.send_messages([EmailMessage("Hello", "", "me@example.com", to, cc=cc)])

    assert server.received[0].recipients == ["A@X.example", "b@xn--bcher-kva.example"]
