"""Every outcome over a failover, a split and a single provider: who is asked, what it leaves."""

from typing import NamedTuple
from uuid import UUID

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone

from mailroom.backends.split import share_of
from mailroom.delivery import breaker
from mailroom.models import Delivery, MailerHealth, Message
from mailroom.outbox import Recipient, add_deliveries, freeze
from mailroom.outbox.control import queue_again
from tests.mailroom.conftest import FROM, attempt, deliver, queue
from tests.mailroom.fakes.http import DROP as HTTP_DROP
from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import DROP, SILENCE, Script, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

QUEUED, SENT = Delivery.State.QUEUED, Delivery.State.SENT
FAILED, UNCERTAIN = Delivery.State.FAILED, Delivery.State.UNCERTAIN

REFUSED_FOR_NOW = {
    "greeting 421": Script(greeting="421 too busy"),
    "authentication": Script(password="another"),
    "MAIL 421": Script(mail="421 closing"),
    "RCPT 450": Script(rcpt={"*": "450 busy"}),
    "RCPT 452": Script(rcpt={"*": "452 full"}),
    "content 451": Script(content="451 not now"),
    "drop before the final dot": Script(data=DROP),
    "time-out before the content": Script(rcpt={"*": SILENCE}),
}
REFUSED_FOR_GOOD = {
    "RCPT 550": Script(rcpt={"*": "550 mailbox unavailable"}),
    "content 552": Script(content="552 too large"),
}
UNKNOWN = {
    "drop after the final dot": Script(content=DROP),
    "time-out after the content": Script(content=SILENCE),
}
API_FOR_NOW = (401, 402, 403, 429, 500, 503)
API_FOR_GOOD = (400, 422)
API_UNKNOWN = (502, 504, HTTP_DROP)


class Expected(NamedTuple):
    """What an outcome at the first provider leads to."""

    second_is_asked: bool
    letter: str
    bulletin: str


AFTER = {
    "for now": Expected(True, SENT, SENT),
    "for good": Expected(False, FAILED, FAILED),
    "unknown": Expected(False, QUEUED, UNCERTAIN),
}
SMTP_CASES = [
    *[(name, script, "for now") for name, script in REFUSED_FOR_NOW.items()],
    *[(name, script, "for good") for name, script in REFUSED_FOR_GOOD.items()],
    *[(name, script, "unknown") for name, script in UNKNOWN.items()],
]
API_CASES = [
    *[(status, "for now") for status in API_FOR_NOW],
    *[(status, "for good") for status in API_FOR_GOOD],
    *[(status, "unknown") for status in API_UNKNOWN],
]


def check_failover(kind: str, second: SMTPServer) -> None:
    letter, bulletin = attempt("letters"), attempt("bulletin")

    expected = AFTER[kind]
    assert (letter.state, bulletin.state) == (expected.letter, expected.bulletin)
    assert len(second.received) == (2 if expected.second_is_asked else 0)


class TestFailover:
    @pytest.mark.parametrize(("name", "script", "kind"), SMTP_CASES)
    def test_over_smtp(self, carry_by, name, script, kind):
        with SMTPServer(script) as first, SMTPServer() as second:
            url = first.url.replace("://", "://user:wrong@") if script.password else first.url
            carry_by(f"failover({url} {second.url})")
            check_failover(kind, second)

    @pytest.mark.parametrize(("status", "kind"), API_CASES)
    def test_over_an_api(self, carry_by, status, kind):
        with HTTPServer(Answer(status, {"message": "no"})) as first, SMTPServer() as second:
            carry_by(f"failover(resend://K?api_url={first.url}&timeout=1 {second.url})")
            check_failover(kind, second)

    @pytest.mark.parametrize(
        "where", ["smtp+plain://127.0.0.1:{}", "postmark://T?api_url=http://127.0.0.1:{}/"]
    )
    def test_where_nobody_listens(self, carry_by, where):
        with SMTPServer() as second:
            carry_by(f"failover({where.format(closed_port())} {second.url})")
            check_failover("for now", second)

    @pytest.mark.parametrize(
        "where", ["smtp+plain://nowhere.invalid", "postmark://T?api_url=http://nowhere.invalid/"]
    )
    def test_where_the_name_is_unknown(self, carry_by, where):
        with SMTPServer() as second:
            carry_by(f"failover({where} {second.url})")
            check_failover("for now", second)

    def test_where_there_is_no_tls(self, carry_by):
        with SMTPServer() as first, SMTPServer() as second:
            carry_by(f"failover(smtp://127.0.0.1:{first.port} {second.url})")
            check_failover("for now", second)
            assert first.received == []

    def test_the_message_is_the_same_and_keeps_its_message_id(self, carry_by):
        with SMTPServer(Script(content="451 no")) as first, SMTPServer() as second:
            carry_by(f"failover({first.url} {second.url})")
            delivery = attempt("letters", headers={"X-Own": "kept"})
            mail = second.received[0].mail

        assert mail["Message-ID"] == delivery.message_id_header
        assert (mail["From"], mail["X-Own"]) == (FROM["letters"], "kept")
        assert delivery.alias == f"smtp:127.0.0.1:{second.port}"

    def test_from_is_what_the_provider_may_send_as(self, carry_by):
        with SMTPServer(Script(mail="451 no")) as first, SMTPServer() as second:
            carry_by(f"failover({first.url} {second.url}&from=Backup%20%3Cb%40backup.test%3E)")
            attempt("letters")
            (received,) = second.received

        assert received.sender == "b@backup.test"
        assert received.mail["From"] == "Backup <b@backup.test>"
        assert received.mail["Reply-To"] == FROM["letters"]

    def test_a_mail_of_unknown_fate_may_take_the_next_provider_with_its_message_id(self, carry_by):
        with SMTPServer(Script(content=DROP)) as first, SMTPServer() as second:
            carry_by(f"failover({first.url} {second.url})")
            delivery = attempt("letters")
            Delivery.objects.update(not_before=timezone.now())
            deliver()
            received = second.received

        assert [one.mail["Message-ID"] for one in received] == [delivery.message_id_header]
        assert len(first.transactions) == 1

    def test_all_refusing_leaves_it_queued(self, carry_by):
        script = Script(rcpt={"*": "450 busy"})
        with SMTPServer(script) as first, SMTPServer(script) as second:
            carry_by(f"failover({first.url} {second.url})")
            delivery = attempt("letters")

        assert (delivery.state, delivery.error) == (QUEUED, "450 busy")
        assert (len(first.transactions), len(second.transactions)) == (1, 1)


class TestSplit:
    @pytest.mark.parametrize(("name", "script", "kind"), SMTP_CASES)
    def test_only_the_one_that_a_delivery_belongs_to_is_asked(self, carry_by, name, script, kind):
        with SMTPServer(script) as first, SMTPServer() as other:
            url = first.url.replace("://", "://user:wrong@") if script.password else first.url
            carry_by(f"split(100 {url} 0 {other.url})")
            letter, bulletin = attempt("letters"), attempt("bulletin")

        expected = AFTER[kind] if kind != "for now" else Expected(False, QUEUED, QUEUED)
        assert (letter.state, bulletin.state) == (expected.letter, expected.bulletin)
        assert other.received == []

    def test_ten_thousand_arrive_within_a_percentage_point_of_their_shares(self):
        keys = [f"<{number}.mail@mailroom.test>" for number in range(10_000)]
        weights = {"postmark": 90, "ses": 10}

        sides = [share_of(key, weights) for key in keys]

        assert 0.89 <= sides.count("postmark") / len(sides) <= 0.91
        assert sides == [share_of(key, weights) for key in keys]

    def test_a_provider_that_rests_gives_its_share_to_the_others(self, carry_by):
        with SMTPServer() as first, SMTPServer() as second:
            carry_by(f"split(50 {first.url} 50 {second.url})")
            breaker.set_mode(f"smtp:127.0.0.1:{first.port}", MailerHealth.Mode.PAUSED)
            for number in range(20):
                queue("bulletin", to=[f"{number}@example.com"])
            deliver()

            assert (len(first.received), len(second.received)) == (0, 20)

    def test_both_sides_get_their_share_and_keep_it_over_attempts(self, carry_by):
        with SMTPServer() as first, SMTPServer() as second:
            carry_by(f"split(50 {first.url} 50 {second.url})")
            for number in range(30):
                queue("bulletin", to=[f"{number}@example.com"])
            deliver()
            before = {one.address: one.alias for one in Delivery.objects.all()}
            Delivery.objects.update(state=FAILED)
            queue_again(Delivery.objects.all())
            deliver()

            assert min(len(first.received), len(second.received)) >= 2 * 5
            assert {one.address: one.alias for one in Delivery.objects.all()} == before


class TestSingle:
    @pytest.mark.parametrize(("name", "script", "kind"), SMTP_CASES)
    def test_over_smtp(self, carry_by, name, script, kind):
        with SMTPServer(script) as server:
            url = server.url.replace("://", "://user:wrong@") if script.password else server.url
            carry_by(url)
            letter, bulletin = attempt("letters"), attempt("bulletin")

        expected = AFTER[kind] if kind != "for now" else Expected(False, QUEUED, QUEUED)
        assert (letter.state, bulletin.state) == (expected.letter, expected.bulletin)


def test_routes_nest(carry_by):
    busy = Script(content="451 no")
    with SMTPServer(busy) as a, SMTPServer(busy) as b, SMTPServer() as c:
        carry_by(f"failover(split(50 {a.url} 50 {b.url}) {c.url})")
        delivery = attempt("letters")

    assert (delivery.state, delivery.alias) == (SENT, f"smtp:127.0.0.1:{c.port}")
    assert len(a.transactions) + len(b.transactions) == 1


@pytest.mark.full
def test_ten_thousand_mails_arrive_at_two_servers_by_their_shares(carry_by, settings):
    settings.MAIL_LEASE_SECONDS = 600  # no renewal: a thread's connection to memory never closes
    with SMTPServer() as large, SMTPServer() as small:
        carry_by(f"split(90 {large.url} 10 {small.url})")
        message = freeze(EmailMessage("Hi", "Hi", to=[]), "bulletin")
        Message.objects.update(uid=UUID(int=1))  # with the ids of the rows, all that decides
        add_deliveries(message, (Recipient(f"{n}@example.com") for n in range(10_000)))
        deliver()
        arrived = len(large.received), len(small.received)

    assert sum(arrived) == 10_000
    assert 8_900 <= arrived[0] <= 9_100
