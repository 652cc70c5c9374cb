"""Pipelined mail through a real Postfix that refuses whoever pipelines out of turn."""

import pytest
from django.core.mail import EmailMultiAlternatives

from bench.waiting import wait_until
from mailroom.messages.merge_fields import slot
from mailroom.models import Delivery
from mailroom.outbox import Recipient, add_deliveries, freeze
from tests.mailroom.conftest import carry_by, deliver  # noqa: F401  (a fixture)
from tests.mailroom.fakes.smtp import SMTPServer
from tests.wire.postfix import Postfix

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postfix]

REFUSED = "p77@example.com"


@pytest.mark.parametrize("number", [120, pytest.param(500, marks=pytest.mark.full)])
def test_it_takes_every_mail_but_the_one_it_refuses(carry_by, number):  # noqa: F811
    with SMTPServer() as arrived, Postfix(arrived.port, REFUSED) as postfix:
        carry_by(f"smtp+plain://127.0.0.1:{postfix.port}?connections=4")
        mail = EmailMultiAlternatives(f"For {slot('name')}", f"Dear {slot('name')}\n.\n..\n.dot")
        mail.attach_alternative(f"<p>{slot('name')}</p>" + "é" * 5000, "text/html")
        people = [Recipient(f"p{n}@example.com", f"Zoë {n}") for n in range(number)]
        add_deliveries(freeze(mail, "bulletin"), people)

        deliver()

        assert wait_until(lambda: len(arrived.received) >= number - 1, 60)
        log = postfix.log

    refused = Delivery.objects.exclude(state="sent").get()
    assert (refused.address, refused.state) == (REFUSED, "failed")
    assert "no such user" in refused.error
    got = {one.recipients[0]: one.mail for one in arrived.received}
    assert len(got) == len(arrived.received) == number - 1
    for number_of, name in ((0, "Zoë 0"), (number - 1, f"Zoë {number - 1}")):
        received = got[f"p{number_of}@example.com"]
        assert received["Subject"] == f"For {name}"
        text = received.get_body(("plain",)).get_content()
        assert text.splitlines() == [f"Dear {name}", ".", "..", ".dot"]
    assert "improper command pipelining" not in log
    assert "bare newline" not in log
