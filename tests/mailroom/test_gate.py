"""The gate: asked just before mails go out, about a tenth of a second of bulk mail at once."""

from types import SimpleNamespace

import pytest

from mailroom import gate
from mailroom.batches import Batches
from mailroom.models import Suppression
from tests.mailroom.conftest import queue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_memory")]


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """`clock.now` is the time that the gate sees, in seconds."""
    clock = SimpleNamespace(now=100.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(gate, "time", clock)
    return clock


def opened(channel: str, clock: SimpleNamespace) -> gate.Gate:
    """A gate of eight mails, a hundredth of a second after it was asked about the first two."""
    for n in range(8):
        queue(channel, to=[f"p{n}@example.com"])
    with Batches(channel, "me") as batches:
        opened = gate.Gate([one for parcel in batches.take() for one in parcel], "console")
    opened.check(2)
    clock.now += 0.01
    return opened


def suppress(number: int) -> None:
    Suppression.objects.create(address=f"p{number}@example.com", reason="bounced")


def test_bulk_mail_of_a_tenth_of_a_second_is_asked_about_together(clock, django_assert_num_queries):
    bulletin = opened("bulletin", clock)

    bulletin.check(2)
    with django_assert_num_queries(0):
        assert bulletin.check(2) == ({}, {})


@pytest.mark.parametrize(
    ("channel", "later"),
    [
        pytest.param("bulletin", 0.11, id="bulk, a tenth of a second later"),
        pytest.param("letters", 0, id="a mail that somebody waits for, at once"),
    ],
)
def test_what_is_decided_later_stops_what_goes_out_later(clock, channel, later):
    opened_gate = opened(channel, clock)
    opened_gate.check(2)

    suppress(5)
    clock.now += later

    assert list(opened_gate.check(2).skip.values()) == ["suppressed"]


def test_what_was_found_beforehand_is_told_with_its_window(clock):
    suppress(4)
    bulletin = opened("bulletin", clock)

    told = [list(bulletin.check(2).skip.values()) for _ in range(3)]

    assert told == [[], ["suppressed"], []]
