"""Many mails over connections with PIPELINING (RFC 2920): each has its own outcome, exactly."""

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives, mailers

from mailroom.messages.merge_fields import slot
from mailroom.models import Delivery
from mailroom.outbox import Recipient, add_deliveries, freeze
from tests.mailroom.conftest import deliver
from tests.mailroom.fakes.smtp import DROP, SILENCE, Script, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

QUEUED, SENT = Delivery.State.QUEUED, Delivery.State.SENT
FAILED, UNCERTAIN = Delivery.State.FAILED, Delivery.State.UNCERTAIN


def queue(number: int) -> None:
    """One bulletin to p0@, p1@ …, with lines that begin with dots."""
    mail = EmailMultiAlternatives(f"For {slot('name')}", f"Dear {slot('name')},\n.\n..two\n.three")
    people = [Recipient(f"p{n}@example.com", f"Reader {n}") for n in range(number)]
    add_deliveries(freeze(mail, "bulletin"), people)


def states() -> dict[str, str]:
    return dict(Delivery.objects.order_by("pk").values_list("address", "state"))


def others_than(exception: str) -> set[str]:
    return {state for address, state in states().items() if address != exception}


@pytest.fixture
def server():
    with SMTPServer(Script(pipelining=True)) as started:
        yield started


def test_each_mail_arrives_once_and_whole(carry_by, server):
    carry_by(server.url)
    queue(40)

    deliver()

    assert set(states().values()) == {SENT}
    assert len(server.received) == 40
    for one in server.received:
        number = one.recipients[0].removeprefix("p").partition("@")[0]
        assert one.mail["Subject"] == f"For Reader {number}"
        assert one.mail.get_content() == f"Dear Reader {number},\r\n.\r\n..two\r\n.three\r\n"


# What the server does to p7's mail alone: the state that it is left in, and whether the server
# ends the connection by it.
ALONE = {
    "RCPT 550": (Script(rcpt={"p7@example.com": "550 no such user"}), FAILED),
    "RCPT 450": (Script(rcpt={"p7@example.com": "450 busy"}), QUEUED),
    "DATA 451": (Script(data="451 not now"), QUEUED),
    "content 452": (Script(content="452 full"), QUEUED),
    "content 554": (Script(content="554 spam"), FAILED),
    "content nonsense": (Script(content="hm"), UNCERTAIN),
    "content dropped": (Script(content=DROP), UNCERTAIN),
    "content silent": (Script(content=SILENCE), UNCERTAIN),
    "DATA dropped": (Script(data=DROP), QUEUED),
}


@pytest.mark.parametrize("case", ALONE)
def test_only_the_mail_that_the_server_meant_is_concerned(carry_by, case):
    script, expected = ALONE[case]
    script.pipelining, script.only = True, "p7@example.com"
    with SMTPServer(script) as server:
        carry_by(f"{server.url}&connections=2")
        queue(24)
        deliver()

    assert states()["p7@example.com"] == expected
    got = [one.recipients[0] for one in server.received]
    assert sorted(got) == sorted(address for address, state in states().items() if state == SENT)
    assert UNCERTAIN not in others_than("p7@example.com")
    if script.data != DROP:
        assert others_than("p7@example.com") == {SENT}


def test_a_server_that_takes_few_mails_a_connection_gets_all(carry_by):
    with SMTPServer(Script(pipelining=True, most=3)) as server:
        carry_by(f"{server.url}&connections=2")
        queue(20)
        deliver()

    assert set(states().values()) == {SENT}
    assert len(server.received) == 20


def test_a_server_that_hangs_up_between_the_mails_gets_none_twice(carry_by):
    with SMTPServer(Script(pipelining=True, data=DROP, only="p3@example.com")) as server:
        carry_by(server.url)
        queue(10)
        deliver()

    got = [one.recipients[0] for one in server.received]
    assert len(got) == len(set(got))
    assert UNCERTAIN not in states().values()


def test_it_is_a_drop_in_for_the_backend_of_django(carry_by, server):
    carry_by(server.url)
    mailer = mailers[f"smtp:127.0.0.1:{server.port}"]
    mails = [EmailMessage("Hello", "Day", "a@example.com", [f"{n}@example.com"]) for n in range(9)]

    count = mailer.send_messages([*mails, EmailMessage("To nobody", "", "a@example.com", [])])

    assert count == 9
    assert len(server.received) == 9
    assert mailer.connection is None


def test_the_error_of_one_is_raised_once_all_were_tried(carry_by, server):
    server.script.rcpt = {"1@example.com": "550 no"}
    carry_by(server.url)
    mails = [EmailMessage("Hello", "Day", "a@example.com", [f"{n}@example.com"]) for n in range(4)]

    with pytest.raises(Exception, match="550"):
        mailers[f"smtp:127.0.0.1:{server.port}"].send_messages(mails)

    assert len(server.received) == 3


def test_an_address_that_can_not_be_sent_to_harms_no_other(carry_by, server):
    carry_by(server.url)
    mails = [EmailMessage("Hello", "Day", "a@example.com", [to]) for to in ("ü@b.example", "c@d.e")]

    with pytest.raises(ValueError, match="non-ASCII"):
        mailers[f"smtp:127.0.0.1:{server.port}"].send_messages(mails)

    assert [one.recipients for one in server.received] == [["c@d.e"]]


def test_a_domain_beyond_ascii_goes_out_in_its_ascii_form(carry_by, server):
    carry_by(server.url)

    mail = EmailMessage("Hello", "Day", "a@example.com", ["b@bücher.example"])
    mailers[f"smtp:127.0.0.1:{server.port}"].send_messages([mail])

    assert server.received[0].recipients == ["b@xn--bcher-kva.example"]
