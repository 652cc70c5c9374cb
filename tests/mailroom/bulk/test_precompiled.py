"""The skeleton: what it puts on the wire reads as what Django's own path builds."""

import email
import email.policy
import re
from email.message import EmailMessage as Parsed

import pytest
from django.core.mail import EmailMultiAlternatives
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailroom.bulk.precompiled import NotExpressible, Skeleton
from mailroom.messages.merge_fields import slot
from mailroom.messages.serializers import build
from mailroom.models import Delivery, Message
from mailroom.outbox import freeze

NASTY = [
    *("", ".", "..", "\n.\n", "a\r\nb\rc\n\nd", "trailing \t\n", "=?utf-8?q?x?=", "=", "=3D"),
    *("x" * 1200, "é" * 700, "🎉", "שלום עולם", "ਪੰਜਾਬੀ", "From here", "Doe, John (home)", "\u200d"),
    *(
        "\"Quoted\", <not> & 'ours'",
        "\x00",
        "\x0b",
        "\x85",
        "\u2028",
        "a\ue000b",
        "\\",
        "\U0010ffff",
    ),
]
text = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=200),
    st.lists(st.sampled_from(NASTY), max_size=6).map("".join),
)
name = text.map(lambda value: value[:200])
local = st.from_regex(r"[A-Za-z0-9._+'-]{1,20}", fullmatch=True)
domain = st.sampled_from(["example.com", "bücher.example", "xn--bcher-kva.example", "a-b.example"])
address = st.builds(lambda local, domain: f"{local}@{domain}", local, domain)


def message(subject: str, body: str, html: str) -> Message:
    mail = EmailMultiAlternatives(
        subject=f"{subject}{slot('name')}" if subject else f"Hello {slot('name')}!",
        body=f"{body}{slot('name')}\n{slot('link')}{body}",
        from_email="News ä <news@example.com>",
        reply_to=["re@example.com"],
        headers={"List-Unsubscribe": f"<{slot('link')}>", "List-Id": "<list.example.com>"},
    )
    link = f'<a href="{slot("link")}">x</a>'
    mail.attach_alternative(f"<p>{html}{slot('name')} {link}</p>", "text/html")
    mail.attach("a.txt", "attached\n", "text/plain")
    return freeze(mail, "bulletin")


def content(raw: bytes) -> list[tuple[str, object]]:
    """What a mail program sees: every header but those that differ by time, and every part."""
    parsed: Parsed = email.message_from_bytes(raw, policy=email.policy.default)  # type: ignore[assignment]
    ignored = {"date", "content-transfer-encoding", "content-type", "mime-version"}
    headers = sorted(
        # Python folds before a long word, and adds a blank to what was there: read back, that is
        # a space that nobody wrote, at the start or doubled.
        (key.lower(), re.sub(" +", " ", str(value)).lstrip())
        for key, value in parsed.items()
        if key.lower() not in ignored
    )
    parts = [
        (part.get_content_type(), part.get_content())
        for part in parsed.walk()
        if not part.is_multipart()
    ]
    return [*headers, *parts]


def outcome(make) -> object:
    try:
        return make()
    except (ValueError, LookupError, TypeError) as error:
        return type(error)


def check(row: Message, delivery: Delivery) -> bool:
    """The skeleton says the same as Django, or leaves it to Django; True where it spoke."""
    values = {"name": delivery.name, "address": delivery.address, **delivery.values}
    try:
        ours = Skeleton(row).fill(
            name=delivery.name,
            address=delivery.address,
            message_id=delivery.message_id_header,
            values=values,
        )
    except NotExpressible:
        return False
    mail = build(row, [delivery])
    theirs = outcome(lambda: mail.message(policy=email.policy.SMTP).as_bytes())
    assert isinstance(theirs, bytes), f"Django refuses with {theirs}, the skeleton did not"
    assert content(ours) == content(theirs)
    assert max(map(len, ours.split(b"\r\n"))) <= 998
    assert b"\n" not in ours.replace(b"\r\n", b"")
    assert b"\r" not in ours.replace(b"\r\n", b"")
    assert ours.isascii()
    return True


def delivery_of(row: Message, name: str, address: str) -> Delivery:
    values = {"link": "https://a.example/?t=1&u=2"}
    return Delivery(pk=7, message=row, address=address, name=name, values=values)


def compare(subject: str, body: str, html: str, name: str, address: str) -> None:
    try:
        row = message(subject, body, html)
    except ValueError:
        return  # refused when it is queued
    outcome(lambda: check(row, delivery_of(row, name, address)))


def cases(number: int):
    """Run a test with that many cases of every sort of text, name and address."""
    fixtures = [HealthCheck.function_scoped_fixture]
    few = settings(max_examples=number, deadline=None, suppress_health_check=fixtures)
    many = given(subject=text, body=text, html=text, name=name, address=address)
    return lambda test: few(many(test))


@pytest.fixture
def _plain_types(in_memory, monkeypatch) -> None:
    """Messages are compared without being stored."""
    monkeypatch.setattr(Message, "save", lambda self: None)


@pytest.mark.usefixtures("_plain_types")
class TestSameAsDjango:
    @cases(100)
    @example("Grüße, ", "Dear ", "Dear ", "Zoë", "zoe@example.com")
    @example("", "\r", "", "", "a@example.com")
    @example(" ", "", "", "", "a@example.com")
    @example("0" * 46, "", "", "\"Quoted\", <not> & 'ours'", "0@example.com")
    @example("=?x", ".", "&", "=?utf-8?q?x?=", "a@example.com")
    def test_whatever_is_written_and_whoever_it_is_for(self, subject, body, html, name, address):
        compare(subject, body, html, name, address)

    @pytest.mark.full
    @cases(5000)
    def test_whatever_is_written_in_full(self, subject, body, html, name, address):
        compare(subject, body, html, name, address)

    def test_it_speaks_for_ordinary_mail(self):
        for name in ("", "Ada", "Zoë Ünal", 'O\'Brien, "Bob" <x>', "山田太郎" * 3):
            row = message("News, ", "Dear reader,\n\n.\nLast line ", "é" * 500)
            assert check(row, delivery_of(row, name, "ada@example.com"))

    def test_it_leaves_to_django_what_it_can_not_say(self):
        row = message("News", "Body", "<p>")

        assert not check(row, delivery_of(row, "=?utf-8?q?x?=", "ada@example.com"))
        assert not check(row, delivery_of(row, "Ada\nBcc: x", "ada@example.com"))
        assert not check(row, delivery_of(row, "Ada", "ada@bücher.example"))

    def test_a_slot_without_a_value_is_named(self):
        row = message("News", "Body", "<p>")
        delivery = delivery_of(row, "Ada", "ada@example.com")

        with pytest.raises(LookupError, match="link"):
            Skeleton(row).fill(
                name="Ada", address=delivery.address, message_id="<1>", values={"name": "Ada"}
            )
