"""Backends that know nothing of us: what their errors mean, and whose fault they are."""

import smtplib
import socket
import ssl
import urllib.request
from http.client import RemoteDisconnected

import pytest
import requests
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, mailers
from django.core.mail.backends.base import BaseEmailBackend

from mailroom.delivery.transport import hand_over
from mailroom.outcomes import Fault, Outcome, Verdict, classify
from tests.mailroom.fakes.http import DROP, Answer, HTTPServer
from tests.mailroom.fakes.ports import closed_port

pytestmark = pytest.mark.django_db

NOW, GOOD, UNKNOWN = Verdict.FOR_NOW, Verdict.FOR_GOOD, Verdict.UNKNOWN


class EmailBackend(BaseEmailBackend):
    """Calls the test's function, as a project's own backend calls its provider."""

    call = staticmethod(lambda: None)

    def send_messages(self, email_messages):
        self.call()
        return len(email_messages)


@pytest.fixture
def outcome_of(settings, monkeypatch):
    settings.MAILERS = {"own": {"BACKEND": f"{__name__}.EmailBackend"}}

    def tried(call) -> Outcome:
        monkeypatch.setattr(EmailBackend, "call", staticmethod(call))
        try:
            hand_over(lambda: mailers["own"], "own", EmailMessage("Hello", to=["a@example.com"]))
        except Exception as error:  # noqa: BLE001  (whatever the call raises)
            found = classify(error)
            getattr(error, "close", bool)()  # urllib's holds a connection
            return found
        return Outcome(Verdict.ACCEPTED)

    return tried


def raises(error):
    def call():
        raise error

    return call


@pytest.mark.parametrize(
    ("status", "verdict", "fault"),
    [
        (400, GOOD, Fault.MESSAGE),
        (401, NOW, Fault.ACCOUNT),
        (402, NOW, Fault.ACCOUNT),
        (403, NOW, Fault.ACCOUNT),
        (404, GOOD, Fault.MESSAGE),
        (422, GOOD, Fault.MESSAGE),
        (429, NOW, Fault.TRANSPORT),
        (500, NOW, Fault.TRANSPORT),
        (502, UNKNOWN, Fault.TRANSPORT),
        (503, NOW, Fault.TRANSPORT),
        (504, UNKNOWN, Fault.TRANSPORT),
    ],
)
def test_raise_for_status_is_judged_by_the_status(outcome_of, status, verdict, fault):
    with HTTPServer(Answer(status, {})) as api:
        by_requests = outcome_of(lambda: requests.post(api.url, timeout=5).raise_for_status())
        by_urllib = outcome_of(lambda: urllib.request.urlopen(api.url, b"{}", timeout=5))

    assert (by_requests.verdict, by_requests.fault) == (verdict, fault)
    assert (by_urllib.verdict, by_urllib.fault) == (verdict, fault)


def test_retry_after_is_waited_for(outcome_of):
    with HTTPServer(Answer(429, {}, {"Retry-After": "7"})) as api:
        found = outcome_of(lambda: requests.post(api.url, timeout=5).raise_for_status())
    assert (found.verdict, found.retry_after) == (NOW, 7)


def test_what_was_never_connected_is_tried_again_or_elsewhere(outcome_of):
    place = ("127.0.0.1", closed_port())
    url = f"http://{place[0]}:{place[1]}"
    calls = [
        lambda: socket.create_connection(place, 5),
        lambda: smtplib.SMTP(*place, timeout=5),
        lambda: requests.post(url, timeout=5),
        lambda: urllib.request.urlopen(url, b"{}", timeout=5),
        raises(socket.gaierror(-2, "Name or service not known")),
        raises(ssl.SSLCertVerificationError("certificate verify failed")),
    ]
    found = [outcome_of(call) for call in calls]
    assert {(one.verdict, one.fault) for one in found} == {(NOW, Fault.TRANSPORT)}


def test_an_answer_that_never_came_is_unknown(outcome_of):
    with socket.create_server(("127.0.0.1", 0)) as silent, HTTPServer(Answer(DROP)) as drops:
        place = silent.getsockname()

        def wait():
            with socket.create_connection(place, 0.2) as connection:
                connection.sendall(b"content")
                connection.recv(10)

        calls = [
            wait,
            lambda: requests.post(f"http://{place[0]}:{place[1]}", timeout=0.2),
            lambda: urllib.request.urlopen(f"http://{place[0]}:{place[1]}", b"{}", timeout=0.2),
            lambda: requests.post(drops.url, timeout=5),
            lambda: urllib.request.urlopen(drops.url, b"{}", timeout=5),
            raises(ConnectionResetError(104, "Connection reset by peer")),
            raises(BrokenPipeError(32, "Broken pipe")),
            raises(RemoteDisconnected("closed")),
        ]
        found = [outcome_of(call) for call in calls]
    assert {(one.verdict, one.fault) for one in found} == {(UNKNOWN, Fault.TRANSPORT)}


@pytest.mark.parametrize(
    ("error", "verdict", "fault"),
    [
        (smtplib.SMTPDataError(451, b"4.3.0 later"), NOW, Fault.NONE),
        (smtplib.SMTPDataError(554, b"5.6.0 no"), GOOD, Fault.MESSAGE),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 bad"), NOW, Fault.ACCOUNT),
        (
            smtplib.SMTPRecipientsRefused({"a@example.com": (550, b"5.1.1 unknown user")}),
            *(GOOD, Fault.RECIPIENT),
        ),
        (ImproperlyConfigured("no key"), NOW, Fault.ACCOUNT),
        (ModuleNotFoundError("No module named 'acme'"), NOW, Fault.ACCOUNT),
        (ValueError("can't be written"), GOOD, Fault.CONTENT),
    ],
)
def test_other_errors_are_told_by_their_kind(outcome_of, error, verdict, fault):
    found = outcome_of(raises(error))
    assert (found.verdict, found.fault) == (verdict, fault)


def test_an_error_may_say_itself_what_it_means(outcome_of):
    error = RuntimeError("quota")
    error.outcome = Outcome(NOW, "Quota used up", retry_after=3600)
    assert outcome_of(raises(error)) == error.outcome


@pytest.mark.parametrize(
    ("module", "name", "verdict"),
    [
        ("httpx", "ConnectError", NOW),
        ("httpx", "ConnectTimeout", NOW),
        ("httpx", "ReadTimeout", UNKNOWN),
        ("aiohttp.client_exceptions", "ClientConnectorError", NOW),
        ("aiohttp.client_exceptions", "ServerDisconnectedError", UNKNOWN),
        ("urllib3.exceptions", "NewConnectionError", NOW),
        ("urllib3.exceptions", "ReadTimeoutError", UNKNOWN),
    ],
)
def test_other_clients_are_known_by_name(outcome_of, module, name, verdict):
    """They need not be installed: these have their names and base classes."""
    base = {"httpx": "RequestError", "urllib3.exceptions": "HTTPError"}.get(module, "ClientError")
    parent = type(base, (Exception,), {"__module__": module})
    error = type(name, (parent,), {"__module__": module})("failed")
    assert outcome_of(raises(error)).verdict is verdict
