"""Whom an SMTP reply blames: cell by cell the table of docs/outcomes.md, from a real server.

A reply about our account goes to the next provider, one about the address is a hard bounce.
"""

from dataclasses import replace

import pytest

from mailroom import signals
from mailroom.models import Delivery, Event, MailerHealth, Suppression
from tests.mailroom.conftest import attempt, deliver, queue
from tests.mailroom.fakes.smtp import Script, SMTPServer

pytestmark = pytest.mark.django_db

State = Delivery.State
QUEUED, SENT, FAILED = State.QUEUED, State.SENT, State.FAILED

# A reply, and the stages at which it blames the account.
ACCOUNT = {
    "550 5.4.5 Daily user sending limit exceeded": "MAIL RCPT DATA content",
    "550 5.7.1 Daily SMTP relay limit exceeded for customer": "MAIL content",
    "554 Message rejected: Email address is not verified. The following identities failed the "
    "check in region US-EAST-1: a@example.com": "content",
    "554 Message rejected: Sending suspended for this account.": "MAIL content",
    "554 Access denied: User `x' is not authorized to perform `ses:SendRawEmail'": "content",
    "454 Throttling failure: Daily message quota exceeded": "MAIL content",
    "550 5.7.60 SMTP; Client does not have permissions to send as this sender": "MAIL content",
    "554 5.2.252 SendAsDenied; a@example.com not allowed to send as b@example.com": "content",
    "550 5.1.8 Access denied, bad outbound sender": "MAIL RCPT DATA content",
    "550 5.1.90 You have reached the daily limit for message recipients": "RCPT content",
    "550 5.7.64 TenantAttribution; Relay Access Denied": "MAIL RCPT content",
    "550 5.7.705 Access denied, tenant has exceeded threshold": "MAIL content",
    "554 5.7.1 <alice@example.com>: Relay access denied": "RCPT",
    "550 5.7.1 Unable to relay": "RCPT",
    "550 5.7.1 <alice@example.com>... Relaying denied": "RCPT",
    "550 relay not permitted": "RCPT",
    "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)": "RCPT",
    "553 5.7.1 <a@b.example>: Sender address rejected: not owned by user x": "MAIL RCPT",
    "550 5.1.0 <a@b.example>: Sender address rejected: User unknown in relay table": "MAIL RCPT",
    "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied": "MAIL RCPT",
    "550 5.7.26 This mail is unauthenticated": "content",
    "550 5.7.1 not allowed": "MAIL",
    "550 5.1.1 unknown sender": "MAIL",
    "530 5.7.0 Authentication required": "MAIL RCPT DATA content",
    "535 5.7.8 Authentication credentials invalid": "MAIL RCPT DATA content",
    "525 5.7.13 User account disabled": "MAIL",
    "550 The from address does not match a verified Sender Identity.": "MAIL content",
    "550 Domain example.com has exceeded the max emails per hour (150/150) allowed": "MAIL content",
    "421 Domain example.com is not allowed to send": "content",
}
# A reply that has a busy provider to blame, which rests for a while.
TRANSPORT = {
    "421 Too many concurrent SMTP connections": "MAIL RCPT DATA content",
    "421 4.7.0 Try again later, closing connection": "MAIL RCPT DATA content",
    "454 Throttling failure: Maximum sending rate exceeded": "MAIL content",
    "451 4.7.0 Too many connections from your host": "MAIL",
}
# A reply that blames nobody yet.
LATER = {
    "450 mailbox busy": "RCPT",
    "452 4.2.2 mailbox full": "RCPT content",
    "452 4.5.3 too many recipients": "RCPT",
    "552 too many recipients": "RCPT",
    "550 5.5.3 too many recipients": "RCPT",
    "451 4.7.1 Greylisting in action": "RCPT content",
    "450 4.1.1 unverified address: user unknown": "RCPT",
    "454 4.7.0 throttled": "content",
}
# A reply about this message, or about what its recipient wants.
MESSAGE = {
    "550 mailbox unavailable": "RCPT content",
    "550 5.7.1 message refused by policy": "RCPT content",
    "554 5.7.1 <alice@example.com>: Recipient address rejected: Access denied": "RCPT",
    "550 5.7.1 You are not allowed to send mail to this group": "RCPT",
    "550 5.7.1 Sender blocked by recipient": "RCPT",
    "552 5.2.2 mailbox full": "RCPT content",
    "552 5.2.2 <alice@example.com>: mailbox quota exceeded": "RCPT content",
    "550 5.2.1 The email account that you tried to reach is disabled": "RCPT",
    "552 5.3.4 message size limit exceeded": "MAIL content",
    "552 too large": "MAIL DATA content",
    "501 5.1.7 Bad sender address syntax": "MAIL",
    "501 5.1.3 Bad recipient address syntax": "RCPT",
    "550 5.4.1 Recipient address rejected: Access denied": "RCPT",
    "550 not from you": "MAIL",
    "554 5.7.1 spam": "content",
    "550 user unknown": "MAIL content",
}
# A reply that says that the address does not exist.
RECIPIENT = {
    "550 5.1.1 no such user": "RCPT content",
    "550 5.1.1 <alice@example.com>: Recipient address rejected: User unknown in table": "RCPT",
    "550-5.1.1 The email account that you tried to reach\r\n550 5.1.1 does not exist": "RCPT",
    "551 5.1.6 moved without a new address": "RCPT content",
    "556 5.1.10 Recipient address has null MX": "RCPT content",
    "550 User unknown": "RCPT",
    "550 No such user here": "RCPT",
    "550 unknown user": "RCPT",
    "550 5.0.0 Mailbox not found": "RCPT",
    "550 #5.1.1 Address rejected": "RCPT",
}


def cells(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(reply, stage) for reply, stages in table.items() for stage in stages.split()]


def answering(reply: str, stage: str, *, pipelining: bool = False) -> Script:
    said: dict[str, object] = {stage.lower(): {"*": reply} if stage == "RCPT" else reply}
    return replace(Script(pipelining=pipelining), **said)


@pytest.mark.parametrize(("reply", "stage"), cells(ACCOUNT) + cells(TRANSPORT))
def test_what_the_provider_is_to_blame_for_goes_to_the_next_one(carry_by, reply, stage):
    with SMTPServer(answering(reply, stage)) as first, SMTPServer() as second:
        carry_by(f"failover({first.url} {second.url})")
        delivery = attempt("bulletin")

    assert (delivery.state, delivery.alias) == (SENT, f"smtp:127.0.0.1:{second.port}")
    blamed = MailerHealth.objects.get()
    assert (blamed.alias, blamed.failures) == (f"smtp:127.0.0.1:{first.port}", 1)


@pytest.mark.parametrize(("reply", "stage"), cells(ACCOUNT))
def test_a_refusal_of_the_account_fails_nothing_and_is_reported(carry_by, reply, stage):
    heard = []

    def refused(error, **kwargs):
        heard.append(error)

    signals.account_refused.connect(refused)
    with SMTPServer(answering(reply, stage, pipelining=True)) as server:
        carry_by(server.url)
        delivery = attempt("bulletin")
    signals.account_refused.disconnect(refused)

    assert delivery.state == QUEUED
    assert heard == [delivery.error]


@pytest.mark.parametrize(("reply", "stage"), cells(LATER))
def test_what_is_only_for_now_is_tried_again_and_blames_no_provider(carry_by, reply, stage):
    with SMTPServer(answering(reply, stage)) as server:
        carry_by(server.url)
        assert attempt("bulletin").state == QUEUED

    assert not MailerHealth.objects.exists()
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(("reply", "stage"), cells(MESSAGE))
def test_a_refusal_of_the_message_is_for_good_and_asks_nobody_else(carry_by, reply, stage):
    with SMTPServer(answering(reply, stage)) as first, SMTPServer() as second:
        carry_by(f"failover({first.url} {second.url})")
        delivery = attempt("bulletin")

    assert delivery.state == FAILED
    assert delivery.feedback == ""
    assert second.transactions == []
    assert not MailerHealth.objects.exists()
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("pipelining", [False, True])
@pytest.mark.parametrize(("reply", "stage"), cells(RECIPIENT))
def test_an_address_that_does_not_exist_is_a_hard_bounce(carry_by, reply, stage, pipelining):
    heard = []

    def bounced(address, delivery, **kwargs):
        heard.append((address, delivery.pk))

    signals.hard_bounced.connect(bounced)
    with SMTPServer(answering(reply, stage, pipelining=pipelining)) as server:
        carry_by(server.url)
        delivery = attempt("bulletin")
    signals.hard_bounced.disconnect(bounced)

    assert (delivery.state, delivery.feedback) == (FAILED, Delivery.Feedback.BOUNCED)
    suppression = Suppression.objects.get()
    assert (suppression.address, suppression.channel) == ("alice@example.com", "")
    assert suppression.reason == Suppression.Reason.BOUNCED
    assert reply[:3] in suppression.evidence
    assert heard == [("alice@example.com", delivery.pk)]
    assert Event.objects.get().delivery == delivery


def test_after_a_hard_bounce_nothing_is_sent_to_the_address_on_any_channel(carry_by):
    with SMTPServer(Script(rcpt={"*": "550 5.1.1 no such user"})) as server:
        carry_by(server.url)
        attempt("bulletin")
        server.script.rcpt = {}
        assert attempt("letters").state == State.SKIPPED

    assert server.received == []


def test_of_several_recipients_only_the_one_that_does_not_exist_bounces(carry_by):
    gone = {"bob@example.com": "550 5.1.1 no such user"}
    with SMTPServer(Script(rcpt=gone)) as server:
        carry_by(server.url)
        queue("letters", to=["alice@example.com"], cc=["bob@example.com"])
        deliver()

    states = dict(Delivery.objects.values_list("address", "state"))
    assert states == {"alice@example.com": SENT, "bob@example.com": FAILED}
    assert Suppression.objects.get().address == "bob@example.com"


def test_a_hard_bounce_said_of_several_at_once_suppresses_none(carry_by):
    with SMTPServer(Script(content="550 5.1.1 no such user")) as server:
        carry_by(server.url)
        queue("letters", to=["alice@example.com"], cc=["bob@example.com"])
        deliver()

    assert set(Delivery.objects.values_list("state", flat=True)) == {FAILED}
    assert not Suppression.objects.exists()


def test_one_refusal_of_the_account_stops_no_other_message(carry_by):
    refused = {"p2@example.com": "554 5.7.1 <p2@example.com>: Relay access denied"}
    with SMTPServer(Script(rcpt=refused)) as server:
        carry_by(server.url)
        for number in range(8):
            queue("bulletin", to=[f"p{number}@example.com"])
        deliver()

    queued = Delivery.objects.filter(state=QUEUED).values_list("address", flat=True)
    assert list(queued) == ["p2@example.com"]
    assert len(server.received) == 7


def test_several_refusals_of_the_account_in_a_row_leave_the_rest_for_later(carry_by):
    with SMTPServer(Script(mail="550 5.4.5 Daily user sending limit exceeded")) as server:
        carry_by(server.url)
        for number in range(30):
            queue("bulletin", to=[f"p{number}@example.com"])
        deliver()

    assert set(Delivery.objects.values_list("state", flat=True)) == {QUEUED}
    assert 3 <= len(server.transactions) < 30


@pytest.mark.parametrize("said", ["454 TLS not available", "502 no", "554 no"])
def test_a_server_that_refuses_starttls_is_to_blame_itself(carry_by, said):
    with SMTPServer(Script(starttls=said)) as first, SMTPServer() as second:
        carry_by(f"failover({first.url.replace('smtp+plain', 'smtp')} {second.url})")

        assert attempt("bulletin").state == SENT
