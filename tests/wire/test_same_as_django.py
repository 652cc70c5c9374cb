"""What arrives from the fast path is what Django's own objects and backend would have sent."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend as DjangoBackend
from hypothesis import example

from mailroom.backends.smtp import EmailBackend
from mailroom.bulk.merge_mail import PersonalMail, Skeletons
from mailroom.messages.serializers import mailbox, values_of
from tests.mailroom.bulk.test_precompiled import (  # noqa: F401  (a fixture among them)
    _plain_types,
    cases,
    content,
    delivery_of,
    message,
)
from tests.mailroom.conftest import carry_by, in_memory  # noqa: F401  (fixtures)
from tests.mailroom.fakes.smtp import Received, Script, SMTPServer

LINK = "https://a.example/?t=1&u=2"
NEIGHBOURS = ("before@example.com", "after@example.com")

pytestmark = pytest.mark.usefixtures("_plain_types")


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[EmailBackend, DjangoBackend, SMTPServer]]:
    """Our backend and Django's, each with its connection open, and the server that they talk to."""
    with SMTPServer(Script(pipelining=True)) as server:
        place: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "timeout": 20}
        with EmailBackend(alias="a", **place) as fast, DjangoBackend(alias="b", **place) as django:
            yield fast, django, server


def by_hand(subject: str, body: str, html: str, name: str, address: str) -> EmailMultiAlternatives:
    """The mail that somebody would write who knows nothing of slots."""
    from django.utils.html import escape

    mail = EmailMultiAlternatives(
        subject=f"{subject}{name}" if subject else f"Hello {name}!",
        body=f"{body}{name}\n{LINK}{body}",
        from_email="News ä <news@example.com>",
        to=[mailbox(name, address)],
        reply_to=["re@example.com"],
        headers={
            "List-Unsubscribe": f"<{LINK}>",
            "List-Id": "<list.example.com>",
            "Message-ID": "<same@example.com>",
        },
    )
    link = f'<a href="{escape(LINK)}">x</a>'
    mail.attach_alternative(f"<p>{html}{escape(name)} {link}</p>", "text/html")
    mail.attach("a.txt", "attached\n", "text/plain")
    return mail


def sent_by_django(django, server, mail: EmailMultiAlternatives) -> Received | type[Exception]:
    server.received.clear()
    try:
        django.send_messages([mail])
    except (ValueError, LookupError, TypeError) as error:
        return type(error)
    return server.received[-1]


def sent_fast(fast, server, case: tuple[str, ...]) -> Received | type[Exception]:
    """Send the case with a neighbour on each side, which must not notice."""
    server.received.clear()
    *texts, name, address = case
    row = message(*texts)
    skeletons = Skeletons()
    people = [("A", NEIGHBOURS[0]), (name, address), ("B", NEIGHBOURS[1])]
    deliveries = [delivery_of(row, *person) for person in people]
    mails = [PersonalMail(one, values_of(one), skeletons.of(one)) for one in deliveries]
    errors = fast.send_each(mails)
    assert errors[0] == errors[2], "the neighbours differ in nothing"
    received = {one.recipients[0]: one for one in server.received}
    assert (set(NEIGHBOURS) <= received.keys()) is (errors[0] is None)
    if errors[1]:
        return type(getattr(errors[1], "error", errors[1]))
    (mine,) = (one for one in server.received if one.recipients[0] not in NEIGHBOURS)
    return mine


def read(one: Received) -> list[object]:
    """All that its reader sees, and the envelope; the Message-ID apart, which is each one's own."""
    seen = [pair for pair in content(one.raw) if pair[0] != "message-id"]
    return [one.sender, one.recipients, *seen]


def compare(both, case: tuple[str, ...]) -> None:
    fast, django, server = both
    if "\x00" in "".join(case[:3]):  # RFC 5322 forbids it, and the outbox too; Django lets it pass
        with pytest.raises(ValueError, match="NUL"):
            message(*case[:3])
        return
    try:
        message(*case[:3])
    except ValueError:  # refused when it is queued, for everybody
        anybody = by_hand(*case[:3], "Ada", case[4])
        assert sent_by_django(django, server, anybody) is ValueError
        return
    theirs = sent_by_django(django, server, by_hand(*case))
    ours = sent_fast(fast, server, case)
    if isinstance(theirs, Received) and isinstance(ours, Received):
        assert read(ours) == read(theirs)
    else:
        assert not isinstance(theirs, Received), f"only we refuse: {ours}"
        assert not isinstance(ours, Received), f"only Django refuses: {theirs}"


@cases(60)
@example(subject="Grüße, ", body="Dear ", html="Dear ", name="Zoë", address="zoe@example.com")
@example(subject="", body="\n.\n..\n.dot", html="\r\n.\r\n", name="", address="a@bücher.example")
@example(subject="A & B " + "x" * 100, body="", html="", name="", address="a@example.com")
@example(subject="x" * 1200, body=" \t\n" * 9, html="\x0b", name='"D", J', address="a@example.com")
def test_each_arrives_as_from_django(both, *, subject, body, html, name, address):
    compare(both, (subject, body, html, name, address))


@pytest.mark.full
@cases(5000)
def test_each_arrives_in_full(both, *, subject, body, html, name, address):
    compare(both, (subject, body, html, name, address))
