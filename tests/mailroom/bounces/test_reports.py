"""What incoming emails report, and what they change: made ones, and flufl-bounce's 117 samples."""

import json
import subprocess
import sys
import tarfile
from email.message import EmailMessage, Message
from email.parser import BytesParser
from pathlib import Path

import pytest
from django.test import override_settings

from mailroom import signing
from mailroom.bounces.intake import Result, receive
from mailroom.bounces.report import findings
from mailroom.checks import bounces_can_be_read
from mailroom.delivery.feedback import handle_waiting
from mailroom.models import Delivery, Event, Suppression
from mailroom.signing import seal, unseal
from tests.mailroom.conftest import queue

pytestmark = pytest.mark.django_db
Kind = Event.Kind
HARD, SOFT, NOTHING = Kind.HARD_BOUNCE, Kind.SOFT_BOUNCE, None


@pytest.fixture(autouse=True)
def _mailboxes(settings, in_memory):
    settings.MAIL_BOUNCE_ADDRESS = "bounces@site.test"
    settings.UNSUBSCRIBE_MAILBOX = "leave@site.test"


@pytest.fixture
def delivery() -> Delivery:
    row = queue("bulletin", to=["Ann@example.com"])[0]
    Delivery.objects.filter(pk=row.pk).update(state="sent", attempts=1)
    return row


def dsn(to: str, status="5.1.1", reply="550 5.1.1 No such user", action="failed", **more) -> bytes:
    """A report as Postfix writes it (RFC 3464)."""
    kind = more.get("kind", "delivery-status")
    recipient = more.get("recipient", "rfc822; ann@example.com")
    original = more.get("original", "Subject: Hello\r\n\r\nGood day.")
    auto = more.get("auto", "auto-replied")
    text = f"""From: MAILER-DAEMON@mx.example.com (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{more.get("id", "1")}@mx.example.com>
Auto-Submitted: {auto}
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="b"

--b
Content-Type: text/plain; charset=us-ascii

<ann@example.com>: host mx said: {reply}

--b
Content-Type: message/{kind}

Reporting-MTA: dns; mx.example.com

Final-Recipient: {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {reply}

--b
Content-Type: message/rfc822

{original}
--b--
"""
    return text.replace("\n", "\r\n").encode()


def arf(to: str, feedback: str, *, mail_from: str = "x@y.example") -> bytes:
    """A complaint report (RFC 5965)."""
    return f"""From: <abuse@provider.example>
To: {to}
Subject: FW: Hello
Message-ID: <arf-1@provider.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: {feedback}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <{mail_from}>

--b
Content-Type: message/rfc822

Subject: Hello

Good day.
--b--
""".encode()


def kind_of(raw: bytes) -> str | None:
    receive(raw)
    return Event.objects.values_list("kind", flat=True).first()


def stopped() -> list[tuple[str, str]]:
    handle_waiting()
    rows = Suppression.objects.active().of("ann@example.com")
    return list(rows.values_list("reason", "channel"))


@pytest.mark.parametrize(
    ("status", "reply", "kind"),
    [
        ("5.1.1", "550 5.1.1 No such user", HARD),
        ("5.1.1", "550 User unknown", HARD),
        ("5.0.0", "550 No such user here", HARD),
        ("5.0.0", "", HARD),
        ("5.1.2", "Host or domain name not found", HARD),
        ("5.4.4", "Host not found", HARD),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found", HARD),  # Exchange
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied", HARD),  # Exchange
        ("5.2.1", "550 5.2.1 Mailbox disabled", HARD),
        ("5.2.2", "552 5.2.2 Mailbox full", SOFT),
        ("5.0.0", "552 Requested mail action aborted: mailbox full", SOFT),
        ("5.2.3", "552 5.2.3 Message too long", SOFT),
        ("5.7.1", "550 5.7.1 Message rejected as spam", SOFT),
        ("5.7.26", "550 5.7.26 Unauthenticated email is not accepted", SOFT),
        ("4.4.1", "connect to mx: Connection timed out", SOFT),
        ("4.2.2", "452 4.2.2 over quota", SOFT),
    ],
)
def test_a_status_is_hard_only_where_the_address_is_dead(delivery, status, reply, kind):
    raw = dsn(signing.return_path(delivery.pk), status, reply)
    assert kind_of(raw) == kind
    assert stopped() == ([("bounced", "")] if kind == HARD else [])
    delivery.refresh_from_db()
    assert delivery.feedback == "bounced"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("delayed", Kind.DEFERRED),
        ("delivered", Kind.DELIVERED),
        ("relayed", Kind.NOTED),
        ("Failed", HARD),
    ],
)
def test_an_action(delivery, action, kind):
    assert kind_of(dsn(signing.return_path(delivery.pk), action=action)) == kind


def test_an_internationalized_report(delivery):
    """RFC 6533, which the email package does not parse."""
    raw = dsn(
        signing.return_path(delivery.pk),
        kind="global-delivery-status",
        recipient="utf-8; \\x{E9}ric@example.com",
    )
    assert kind_of(raw) == HARD


@pytest.mark.parametrize(
    ("feedback", "kind", "scope"),
    [
        ("abuse", Kind.COMPLAINED, [("complained", "bulletin")]),
        ("fraud", Kind.COMPLAINED, [("complained", "bulletin")]),
        ("not-spam", Kind.NOTED, []),
        ("auth-failure", Kind.NOTED, []),
        ("virus", Kind.NOTED, []),
        ("opt-out", Kind.UNSUBSCRIBED, []),
    ],
)
def test_a_complaint_report(delivery, feedback, kind, scope):
    path = signing.return_path(delivery.pk)
    assert kind_of(arf("fbl@site.test", feedback, mail_from=path)) == kind
    assert stopped() == scope


def test_the_return_path_in_the_report_names_the_delivery(delivery):
    original = (
        f"Return-Path: <{signing.return_path(delivery.pk)}>\r\nSubject: Hello\r\n\r\nGood day."
    )
    assert kind_of(dsn("postmaster@site.test", original=original)) == HARD


def test_a_report_counts_once(delivery):
    raw = dsn(signing.return_path(delivery.pk))
    assert {receive(raw) for _ in range(3)} == {Result.STORED}
    assert receive(b"Received: by another way\r\n" + raw) == Result.STORED
    assert Event.objects.count() == 1


def test_the_address_is_the_deliverys_whatever_the_report_says(delivery):
    raw = dsn(signing.return_path(delivery.pk), recipient="rfc822; victim@example.com")
    assert kind_of(raw) == HARD
    assert stopped() == [("bounced", "")]
    assert not Suppression.objects.of("victim@example.com").exists()


def test_of_several_visible_recipients_the_one_that_is_named_bounced(in_memory):
    ann, _bob = queue("letters", to=["ann@example.com", "bob@example.com"])
    receive(dsn(signing.return_path(ann.pk), recipient="rfc822; Bob@example.com"))
    receive(dsn(signing.return_path(ann.pk), recipient="rfc822; victim@example.com", id="2"))
    handle_waiting()
    assert list(Suppression.objects.values_list("address", flat=True)) == ["bob@example.com"]


def test_an_uncertain_delivery_is_settled_and_keeps_its_providers_id(delivery):
    Delivery.objects.update(state="uncertain", provider_id="p-1")
    receive(dsn(signing.return_path(delivery.pk)))
    handle_waiting()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.provider_id) == ("sent", "p-1")


QMAIL = """Hi. This is the qmail-send program at mx.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ann@example.com>:
{reply}

--- Below this line is a copy of the message.

Return-Path: <x@y.example>
Subject: 5.2.2 mailbox full
"""


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("Remote host said: 550 5.1.1 unknown user", HARD),
        ("Sorry, no mailbox here by that name. (#5.1.1)", HARD),
        ("Remote host said: 552 5.2.2 mailbox full", SOFT),
        ("Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)", SOFT),
    ],
)
def test_qmail(delivery, reply, kind):
    raw = f"From: MAILER-DAEMON@mx.example.com\nTo: {signing.return_path(delivery.pk)}\n\n"
    assert kind_of((raw + QMAIL.format(reply=reply)).encode()) == kind


class TestNothingChanges:
    @pytest.fixture(autouse=True)
    def _nothing(self, delivery):
        yield
        handle_waiting()
        assert not Event.objects.exists()
        assert not Suppression.objects.exists()

    def test_by_an_unsigned_address(self, delivery):
        assert receive(dsn("bounces@site.test")) == Result.NO_REPORT

    @pytest.mark.parametrize("end", ["a", "a" * 26, "7" * 26])
    def test_by_a_forged_address(self, delivery, end):
        assert receive(dsn(f"bounces+{end}@site.test")) == Result.NO_REPORT

    def test_by_an_address_signed_with_another_key(self, delivery):
        with override_settings(SECRET_KEY="another" * 9):
            forged = signing.return_path(delivery.pk)
        assert receive(dsn(forged)) == Result.NO_REPORT

    def test_by_an_address_signed_for_another_purpose(self, delivery):
        path = signing.unsubscribe_address(delivery.pk).replace("leave", "bounces")
        assert receive(dsn(path)) == Result.NO_REPORT

    def test_by_an_absence_notice(self, delivery):
        raw = (
            f"From: Ann <ann@example.com>\nTo: {signing.return_path(delivery.pk)}\n"
            "Auto-Submitted: auto-replied\nSubject: Out of office\n\n"
            "I am away. 550 5.1.1 user unknown is not what I mean.\n"
        )
        assert receive(raw.encode()) == Result.AUTO_REPLY

    def test_by_a_persons_answer(self, delivery):
        raw = f"From: ann@example.com\nTo: {signing.return_path(delivery.pk)}\n\nThank you!\n"
        assert receive(raw.encode()) == Result.NO_REPORT

    def test_by_a_read_receipt(self, delivery):
        raw = dsn(signing.return_path(delivery.pk)).replace(
            b"delivery-status", b"disposition-notification"
        )
        assert (
            receive(
                raw.replace(b"Action: failed", b"Disposition: manual/displayed")
                .replace(b"host mx said: 550 5.1.1 No such user", b"was displayed")
                .replace(b"MAILER-DAEMON", b"ann")
            )
            != Result.STORED
        )

    @pytest.mark.parametrize(
        "raw",
        [b"", b"\x00" * 100, b"\xff\xfe" * 50, b"Content-Type: multipart/report", b"\r\n" * 9],
    )
    def test_by_garbage(self, delivery, raw):
        assert receive(raw) == Result.NO_REPORT

    def test_by_a_delivery_that_is_gone(self, delivery):
        path = signing.return_path(delivery.pk)
        delivery.message.delete()
        assert receive(dsn(path)) == Result.NO_REPORT


class TestUnsubscribing:
    def mail(self, to: str, sender: str = "Ann <ann@example.com>", **headers: str) -> bytes:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, to, "unsubscribe"
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content("Please.")
        return mail.as_bytes()

    def test_the_signed_address_counts_and_not_the_sender(self, delivery):
        raw = self.mail(signing.unsubscribe_address(delivery.pk), "eve@example.net")
        assert kind_of(raw) == Kind.UNSUBSCRIBED
        handle_waiting()
        assert Event.objects.get().address == "ann@example.com"

    def test_an_unsigned_address_changes_nothing(self, delivery):
        assert receive(self.mail("leave@site.test")) == Result.NO_REPORT

    def test_an_automatic_answer_changes_nothing(self, delivery):
        path = signing.unsubscribe_address(delivery.pk)
        assert receive(self.mail(path, Auto_Submitted="auto-replied")) == Result.AUTO_REPLY

    def test_a_bounce_of_it_changes_nothing(self, delivery):
        assert receive(dsn(signing.unsubscribe_address(delivery.pk))) == Result.NO_REPORT


class TestAddresses:
    def test_of_a_preview_are_unsigned(self):
        assert signing.return_path(None) == "bounces@site.test"
        assert signing.unsubscribe_address(None) == "leave@site.test"

    def test_survive_a_change_of_case_and_of_the_key(self, settings):
        sealed = seal("salt", 2**47)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
        assert unseal("salt", sealed.upper()) == 2**47
        assert len(f"bounces+{sealed}") <= 64

    def test_one_changed_letter_is_noticed(self):
        sealed = seal("salt", 7)
        for place in range(len(sealed) - 1):
            other = "a" if sealed[place] != "a" else "b"
            assert unseal("salt", sealed[:place] + other + sealed[place + 1 :]) is None

    def test_hide_the_number(self):
        assert len({seal("salt", n)[16:] for n in range(200)}) == 200

    def test_no_mailbox_means_no_address(self, settings):
        settings.MAIL_BOUNCE_ADDRESS = settings.UNSUBSCRIBE_MAILBOX = ""
        assert (signing.return_path(1), signing.unsubscribe_address(1)) == ("", "")


def test_the_envelope_sender_is_the_signed_address(smtp, settings):
    from tests.mailroom.conftest import deliver

    settings.MAIL_BOUNCE_ADDRESS = "bounces@site.test"
    rows = [*queue("letters"), *queue("bulletin", to=["bob@example.com"])]
    deliver()
    senders = [one.sender for one in smtp.received]
    assert sorted(senders) == sorted(signing.return_path(row.pk) for row in rows)
    assert {one.mail["From"] for one in smtp.received} == {
        "Letters <letters@mailroom.test>",
        "Bulletin <bulletin@mailroom.test>",
    }


def test_a_large_report_is_read_in_part(delivery):
    raw = dsn(signing.return_path(delivery.pk), original="Subject: x\r\n\r\n" + "x" * 10_000_000)
    assert receive(raw) == Result.STORED


NESTED = b"".join(
    b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3000)
)


@pytest.mark.parametrize(
    "raw",
    [
        NESTED,
        b"Content-Type: message/rfc822\n\n" * 8000,
        b"From: \xff\xfe@x\nX-Mailer: \xff\nSubject: \xff\n\nHello",
        b"Content-Type: multipart/report; boundary=\xff; report-type=\xff\nDate: \xff\n\n--",
        b"\0" * 1000,
        b"",
    ],
    ids=["parts in parts", "emails in emails", "odd headers", "odd parameters", "NUL", "nothing"],
)
def test_an_email_that_nobody_can_read_is_no_error(raw, caplog):
    assert receive(raw) is Result.NO_REPORT
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []


def test_a_bounce_with_bytes_beyond_ascii_in_its_headers_counts(delivery):
    sender = signing.return_path(delivery.pk)
    text = "Hi. This is the qmail-send program at mx.example.com.\nI'm afraid I wasn't able to "
    text += "deliver your message to the following addresses.\n\n<ann@example.com>:\n"
    text += "Sorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy\n"
    head = f"To: {sender}\nSubject: failure notice\nX-Mailer: ".encode()
    raw = b"From: MAILER-DAEMON@mx.example.com (Zustellf\xe4hler)\n" + head + b"\xe9\n\n"
    assert receive(raw + text.encode()) is Result.STORED
    assert Event.objects.get().kind == HARD


@pytest.mark.parametrize("module", ["flufl.bounce", "imap_tools"])
def test_a_missing_package_is_named_by_a_check(settings, monkeypatch, module):
    settings.MAIL_BOUNCE_URL = "imaps://me:pw@127.0.0.1"
    assert bounces_can_be_read(None) == []
    monkeypatch.setattr("mailroom.checks.is_installed", lambda name: name != module)
    (fault,) = bounces_can_be_read(None)
    assert module in fault.msg
    assert "django-mailroom[bounces]" in fault.msg


def test_without_flufl_bounce_a_standard_report_still_counts(delivery, monkeypatch):
    monkeypatch.setitem(sys.modules, "flufl.bounce", None)
    assert receive(dsn(signing.return_path(delivery.pk))) == Result.STORED


SAMPLES = json.loads((Path(__file__).parent / "flufl_samples.json").read_text())


@pytest.mark.full
def test_the_samples_of_flufl_bounce(tmp_path):
    """They come with its source distribution; the expected results were checked one by one."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
    done = subprocess.run(
        [*command, "flufl-bounce==6.0.0", "-d", tmp_path], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("flufl-bounce's source distribution cannot be downloaded")
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    found: dict[str, list[str]] = {}
    for path in sorted(tmp_path.glob("*/tests/data/*.txt")):
        email: Message = BytesParser().parsebytes(path.read_bytes())
        kinds = sorted({str(one.kind) for one in findings(email)})
        found.setdefault(kinds[0] if kinds else "none", []).append(path.stem)
    assert sum(map(len, found.values())) == 117
    assert found == SAMPLES
