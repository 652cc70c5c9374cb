"""Postmark and Mailgun as the sandbox plays them, through Anymail's own backends."""

import contextlib
from collections.abc import Iterator

import pytest
import requests
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused
from django.core.mail import EmailMultiAlternatives, mailers

from mailroom.outcomes import classify
from sandbox import behaviour
from sandbox.accounts import Account
from sandbox.apis import Accepted, APIServer
from sandbox.behaviour import Mode

ACCOUNTS = [
    Account("postmark", "postmark", 0, key="TOKEN"),
    Account("mailgun", "mailgun", 0, key="KEY", domain="mail.example.com"),
]
BACKENDS = {
    "postmark": ("anymail.backends.postmark.EmailBackend", {"server_token": "TOKEN"}),
    "mailgun": (
        "anymail.backends.mailgun.EmailBackend",
        {"api_key": "KEY", "sender_domain": "mail.example.com"},
    ),
}
pytestmark = pytest.mark.parametrize("provider", BACKENDS)


class Sandbox(APIServer):
    """The server, with what it delivered and the mode that a test sets."""

    def __init__(self) -> None:
        self.delivered: list[Accepted] = []
        self.mode = Mode.WORKS
        super().__init__(ACCOUNTS, mode_of=lambda alias: self.mode, keep=self.delivered.append)

    def configure(self, settings, provider: str, **options) -> None:
        backend, usual = BACKENDS[provider]
        options = {**usual, "api_url": self.url, "requests_timeout": 5, **options}
        settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": options}}


@pytest.fixture
def sandbox(settings, provider) -> Iterator[Sandbox]:
    with Sandbox() as server:
        server.configure(settings, provider)
        yield server


def send(*to: str, **more) -> EmailMultiAlternatives:
    mail = EmailMultiAlternatives(
        "Grüße", "Good day.", "Site <site@example.com>", list(to), headers={"X-Own": "1"}
    )
    mail.attach_alternative("<p>Good day.</p>", "text/html")
    mail.attach("list.csv", b"a,b\x00", "application/octet-stream")
    for name, value in more.items():
        setattr(mail, name, value)
    mail.send(using="default")
    return mail


def outcome(*to: str, **more) -> tuple[str, str, float | None]:
    """What the site makes of an email that the provider does not take."""
    with pytest.raises((AnymailAPIError, requests.RequestException, AnymailRecipientsRefused)) as e:
        send(*to, **more)
    found = classify(e.value)
    return found.verdict.name, found.fault.name, found.retry_after


def test_an_email_arrives_as_it_was_sent(sandbox, provider):
    sent = send("Ann <ann@example.com>", cc=["bob@example.com"])

    (arrived,) = sandbox.delivered
    mail = arrived.mail
    assert (arrived.alias, arrived.recipients) == (provider, ["ann@example.com", "bob@example.com"])
    assert (mail["Subject"], mail["From"], mail["X-Own"]) == (
        "Grüße",
        "Site <site@example.com>",
        "1",
    )
    assert mail.get_body(("plain",)).get_content().strip() == "Good day."
    assert mail.get_body(("html",)).get_content().strip() == "<p>Good day.</p>"
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("list.csv", b"a,b\x00")
    assert {one.status for one in sent.anymail_status.recipients.values()} <= {"sent", "queued"}
    assert sent.anymail_status.message_id


def test_a_batch_gives_each_recipient_an_email_of_their_own(sandbox, provider):
    headers = {a: {"Message-ID": f"<{a}>"} for a in ("ann@example.com", "bob@example.com")}
    send(*headers, merge_headers=headers, merge_metadata={a: {"delivery": a} for a in headers})

    assert len(sandbox.calls) == 1
    assert {
        (one.mail["To"].addresses[0].addr_spec, one.mail["Message-ID"], *one.recipients)
        for one in sandbox.delivered
    } == {(a, f"<{a}>", a) for a in headers}


def test_a_wrong_key_is_refused_as_the_accounts_fault(sandbox, provider, settings):
    key = "server_token" if provider == "postmark" else "api_key"
    sandbox.configure(settings, provider, **{key: "WRONG"})

    assert outcome("ann@example.com")[:2] == ("FOR_NOW", "ACCOUNT")
    assert sandbox.delivered == []


def test_a_refused_recipient_is_refused_for_good(sandbox, provider):
    if provider == "postmark":
        status = send_and_status("refused@example.com")
        assert status == {"refused@example.com": "rejected"}
    else:
        assert outcome("refused@example.com")[0] == "FOR_GOOD"
    assert sandbox.delivered == []


def send_and_status(*to: str) -> dict[str, str]:
    """The status of each recipient, as Anymail notes it before it raises."""
    mail = EmailMultiAlternatives("Hello", "Good day.", "site@example.com", list(to))
    with contextlib.suppress(AnymailRecipientsRefused):
        mail.send(using="default")
    return {address: one.status for address, one in mail.anymail_status.recipients.items()}


def test_only_postmark_takes_the_rest_of_an_email_with_a_refused_recipient(sandbox, provider):
    if provider == "postmark":
        status = send_and_status("refused@example.com", "ann@example.com")
        assert status == {"refused@example.com": "rejected", "ann@example.com": "sent"}
        assert sandbox.delivered[0].recipients == ["ann@example.com"]
    else:
        assert outcome("refused@example.com", "ann@example.com")[0] == "FOR_GOOD"


def test_a_rate_limit_says_when_to_try_again(sandbox, provider):
    wait = behaviour.RETRY_AFTER_SECONDS

    assert outcome("rate-limited@example.com") == ("FOR_NOW", "NONE", wait)
    sandbox.mode = Mode.BUSY
    assert outcome("ann@example.com") == ("FOR_NOW", "NONE", wait)


def test_a_used_up_quota_is_the_accounts_fault(sandbox, provider):
    assert outcome("out-of-quota@example.com")[:2] == ("FOR_NOW", "ACCOUNT")
    sandbox.mode = Mode.QUOTA
    assert outcome("ann@example.com")[:2] == ("FOR_NOW", "ACCOUNT")


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [(Mode.REFUSE, "FOR_NOW"), (Mode.DROP, "UNKNOWN"), (Mode.SILENT, "UNKNOWN")],
)
def test_a_provider_that_is_down_delivers_nothing(sandbox, provider, settings, mode, verdict):
    sandbox.mode = mode
    sandbox.configure(settings, provider, requests_timeout=1)

    assert outcome("ann@example.com")[:2] == (verdict, "TRANSPORT")
    assert sandbox.delivered == []


def test_a_lost_email_is_accepted_and_never_arrives(sandbox, provider):
    sandbox.mode = Mode.LOSE
    send("ann@example.com")

    assert sandbox.delivered == []


def test_a_slow_provider_delivers_late(sandbox, provider, monkeypatch):
    monkeypatch.setattr("sandbox.apis.SLOW_SECONDS", 0.1)
    sandbox.mode = Mode.SLOW
    send("ann@example.com")

    assert len(sandbox.delivered) == 1


@pytest.mark.parametrize("to", ["impossible@localhost", "no address <>@x>"])
def test_an_impossible_address_is_refused_for_good(sandbox, provider, to):
    key = BACKENDS[provider][1].get("server_token", "KEY")
    if provider == "postmark":
        body = {"From": "a@example.com", "To": to, "TextBody": "Hello"}
        answer = requests.post(
            f"{sandbox.url}email", json=body, headers={"X-Postmark-Server-Token": key}, timeout=5
        )
        assert (answer.status_code, answer.json()["ErrorCode"]) == (422, 300)
    else:
        body = {"from": "a@example.com", "to": to, "text": "Hello"}
        url = f"{sandbox.url}mail.example.com/messages"
        assert requests.post(url, body, auth=("api", key), timeout=5).status_code == 400


def test_a_call_that_makes_no_sense_is_refused_and_harms_nothing(sandbox, provider):
    if provider == "postmark":
        token = {"X-Postmark-Server-Token": "TOKEN"}
        for body in (b"", b"{", b"[]", b"[1]", b"\xff", b"{}"):
            answer = requests.post(f"{sandbox.url}email", body, headers=token, timeout=5)
            assert answer.status_code == 422
    else:
        url, key = f"{sandbox.url}mail.example.com/messages", ("api", "KEY")
        for body in (b"", b"to=", b"\xff", b"from=a@example.com&to=b@example.com"):
            assert requests.post(url, body, auth=key, timeout=5).status_code == 400
        other = f"{sandbox.url}other.example.com/messages"
        assert requests.post(other, b"", auth=key, timeout=5).status_code == 404
    send("ann@example.com")
    assert len(sandbox.delivered) == 1


def test_many_use_it_at_once(sandbox, provider):
    with mailers["default"] as mailer:
        mails = [
            EmailMultiAlternatives("Hello", "Hi", "a@example.com", [f"{n}@example.com"])
            for n in range(20)
        ]
        mailer.send_messages(mails)

    assert sorted(one.recipients[0] for one in sandbox.delivered) == sorted(
        f"{n}@example.com" for n in range(20)
    )
