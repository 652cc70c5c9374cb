"""TemplatedMessage: what django-templated-mail leaves to mend, mended."""

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from mailroom.messages import TemplatedMessage

pytestmark = pytest.mark.usefixtures("in_memory")


def letter(**changes) -> TemplatedMessage:
    given = {"to": ["tom@example.com"], "context": {"name": 'Tom & "Jerry" <b>'}, **changes}
    return TemplatedMessage("tests.letter", **given)


def html(message: EmailMultiAlternatives) -> str:
    (alternative,) = message.alternatives
    return str(alternative.content)


def test_values_are_escaped_in_html_and_nowhere_else():
    message = letter()
    message.render()

    assert message.subject == 'Sign in: Tom & "Jerry" <b>'
    assert 'Dear Tom & "Jerry" <b>, see' in message.body
    assert 'Dear Tom &amp; "Jerry" &lt;b&gt;, see' in html(message)


def test_it_is_written_in_the_language_of_the_recipient():
    message = letter(language="fr")
    message.render()

    assert message.subject.startswith("Se connecter")
    assert 'lang="fr"' in html(message)


def test_links_stand_on_the_public_url():
    message = letter()
    message.render()

    assert "http://mailroom.test/letter" in message.body


def test_styles_stand_in_the_elements_and_stay_in_the_head():
    message = letter()
    message.render()

    assert 'class="code" style="' in html(message)
    assert "<style>" in html(message)
    assert "prefers-color-scheme: dark" in html(message)


def test_a_second_sending_adds_no_second_html(db):
    message = letter()
    message.render()
    message.render()
    message.message()

    assert len(message.alternatives) == 1


def test_addresses_given_are_kept():
    message = letter(cc=["cc@example.com"], bcc=["bcc@example.com"], reply_to=["re@example.com"])
    message.render()

    assert message.recipients() == ["tom@example.com", "cc@example.com", "bcc@example.com"]
    assert message.reply_to == ["re@example.com"]


def test_a_line_break_in_a_value_makes_no_header():
    message = letter(context={"name": "Tom\r\nBcc: all@example.com"})
    message.render()

    assert message.message()["Bcc"] is None
    assert "\n" not in message.subject


def test_machines_are_told_not_to_answer():
    assert letter().message()["Auto-Submitted"] == "auto-generated"


def test_a_type_without_a_row_is_refused_by_name():
    with pytest.raises(LookupError, match=r"tests\.unknown.*MESSAGE_TYPES"):
        TemplatedMessage("tests.unknown", to=["tom@example.com"])


@pytest.mark.django_db
def test_send_queues_it_on_its_channel_and_sends_nothing():
    assert letter().send() == 1

    from mailroom.models import Delivery

    delivery = Delivery.objects.get()
    assert (delivery.channel, delivery.address) == ("letters", "tom@example.com")
    assert mail.outbox == []
