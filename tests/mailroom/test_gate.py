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


def opened(channel: str) -> gate.Gate:
    for n in range(8):
        queue(channel, to=[f"p{n}@example.com"])
    with Batches(channel, "me") as batches:
        return gate.Gate([one for parcel in batches.take() for one in parcel], "console")


def suppress(number: int) -> None:
    Suppression.objects.create(address=f"p{number}@example.com", reason="bounced")


def test_bulk_mail_of_a_tenth_of_a_second_is_asked_about_together(clock, django_assert_num_queries):
    bulletin = opened("bulletin")
    bulletin.reasons(2)
    clock.now += 0.05  # two in that time make four in a tenth of a second

    bulletin.reasons(2)
    with django_assert_num_queries(0):
        assert bulletin.reasons(2) == {}


def test_what_is_decided_later_stops_what_goes_out_later(clock):
    bulletin = opened("bulletin")
    bulletin.reasons(2)
    clock.now += 0.01
    bulletin.reasons(2)

    suppress(5)
    clock.now += 0.11

    assert list(bulletin.reasons(2).values()) == ["suppressed"]


def test_a_mail_that_somebody_waits_for_is_asked_about_by_itself(clock):
    letters = opened("letters")
    letters.reasons(2)
    clock.now += 0.01
    letters.reasons(2)

    suppress(5)

    assert list(letters.reasons(2).values()) == ["suppressed"]


def test_what_was_found_beforehand_is_told_with_its_window(clock):
    suppress(4)
    bulletin = opened("bulletin")
    bulletin.reasons(2)
    clock.now += 0.01

    told = [list(bulletin.reasons(2).values()) for _ in range(3)]

    assert told == [[], ["suppressed"], []]
