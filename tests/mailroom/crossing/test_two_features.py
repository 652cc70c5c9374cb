"""Where two features meet: cases found by hand. The state machine crosses all of them."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.db import IntegrityError, OperationalError
from django.utils import timezone

from mailroom import signals
from mailroom.messages.merge_fields import slot
from mailroom.models import Attempt, Delivery, Message
from mailroom.outbox import Recipient, add_deliveries, control, freeze
from mailroom.outbox.personal_data import forget_address
from mailroom.worker import jobs
from tests.mailroom.crossing import world as the_world
from tests.mailroom.crossing.test_state_machine import settings_  # noqa: F401  (a fixture)
from tests.mailroom.crossing.world import World, start_anew, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settings_")]

State = Delivery.State
ANN, BOB, CAT = "ann@example.com", "bob@example.com", "cat@example.com"


@pytest.fixture
def world() -> World:
    return start_anew()


def bulletin(*people: str, hooked: bool = False, name: str = "") -> Message:
    mail: Any = EmailMessage("News", f"{slot('greeting')}!" if hooked else "News.", to=[])
    if hooked:
        mail.type = "tests.hooked"
    message = freeze(mail, "bulletin")
    add_deliveries(message, [Recipient(one, name) for one in people])
    return message


def letter(*to: str, cc: tuple[str, ...] = ()) -> Message:
    EmailMessage("A meeting", "At ten.", to=to, cc=cc).send(using="letters")
    return Message.objects.latest("pk")


def states(message: Message) -> dict[str, str]:
    return dict(message.deliveries.values_list("address", "state"))


def later(**times: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**times))


class TestARowThatCannotBeSent:
    @pytest.mark.parametrize(
        "hook",
        [
            "personal raises",
            "personal returns nonsense",
            "personal misses a slot",
            "gate raises",
            "gate returns nonsense",
        ],
    )
    def test_fails_by_itself_with_the_error(self, world, hook):
        world.hooks[BOB] = hook
        message = bulletin(ANN, BOB, CAT, hooked=True)

        work()

        assert states(message) == {ANN: State.SENT, BOB: State.FAILED, CAT: State.SENT}
        assert message.deliveries.get(address=BOB).error

    @pytest.mark.parametrize("part", ["personal", "gate"])
    def test_fails_where_its_hook_no_longer_exists(self, world, settings, part):
        from dataclasses import replace

        row = replace(the_world.TYPES["tests.hooked"], **{part: "tests.gone.hook"})
        settings.MESSAGE_TYPES = {**the_world.TYPES, "tests.hooked": row}
        broken, sound = bulletin(ANN, hooked=True), bulletin(BOB)

        work()

        assert states(broken) == {ANN: State.FAILED}
        assert "tests.gone" in broken.deliveries.get().error
        assert states(sound) == {BOB: State.SENT}

    def test_waits_without_an_attempt_while_the_database_is_away(self, world):
        world.hooks[BOB] = "database away"
        message = bulletin(ANN, BOB, hooked=True)

        work()

        assert set(states(message).values()) <= {State.QUEUED, State.SENT}
        assert message.deliveries.get(address=BOB).attempts == 0
        world.hooks = {}
        with later(seconds=60):
            work()
        assert set(states(message).values()) == {State.SENT}

    @pytest.mark.parametrize("name", ["A\r\nBcc: x@example.com", "Zoë \u2028", "a\x07b", '"<@>,;'])
    def test_is_sent_where_only_its_name_fits_into_no_header(self, world, name):
        message = bulletin(ANN, name=name)

        work()

        assert states(message) == {ANN: State.SENT}
        assert world.log[0].to == (ANN,)


class TestErasing:
    def test_one_recipient_leaves_the_other_email_as_it_was(self, world):
        letter(ANN, BOB, cc=(CAT,))
        forget_address(ANN)
        work()

        (sent,) = world.log
        assert (sent.subject, sent.body) == ("A meeting", "At ten.")
        assert set(sent.to) == {BOB, CAT}
        assert ANN not in sent.visible
        assert ANN not in str(Message.objects.values())

    def test_while_the_email_is_under_way_leaves_its_address_out_of_the_next_try(self, world):
        letter(ANN, BOB)
        world.answers = {BOB: "450"}
        world.during = lambda: forget_address(ANN)
        work()
        world.answers = {}
        with later(hours=2):
            work()

        assert ANN not in f"{world.log[-1]}"
        assert ANN not in f"{Delivery.objects.values()}{Attempt.objects.values()}"

    @pytest.mark.parametrize("kind", ["failed", "uncertain"])
    def test_what_is_erased_cannot_be_queued_again(self, world, kind):
        world.answers = {ANN: {"failed": "550", "uncertain": "lost"}[kind]}
        message = bulletin(ANN, BOB)
        work()
        forget_address(ANN)

        control.retry_failed(message)
        control.retry_uncertain(message)
        control.queue_again(Delivery.objects.all())

        assert not Delivery.objects.unfinished().exists()


class TestHolding:
    @pytest.mark.parametrize("verb", ["released", "sent again"])
    def test_what_was_on_hold_or_failed_for_days_is_tried_for_as_long_again(self, world, verb):
        world.answers = {ANN: "450" if verb == "released" else "550"}
        message = bulletin(ANN)
        work()
        world.answers = {ANN: "450"}
        control.hold(message)
        with later(days=6):
            control.retry_failed(message)
            control.release(message)
            work()
            assert states(message) == {ANN: State.QUEUED}
        with later(days=12):
            work()
        assert states(message) == {ANN: State.FAILED}

    def test_outlasts_a_refusal_and_a_breaker_that_closes(self, world):
        world.answers = {ANN: "450"}
        message = bulletin(ANN)
        work()
        control.hold(message)
        world.answers, world.down = {}, {"first", "second"}
        for _ in range(4):
            letter(BOB)
            work()
        world.down = set()
        for _ in range(3):
            with later(hours=1):
                letter(BOB)
                work()

        assert states(message) == {ANN: State.QUEUED}
        control.release(message)
        work()
        assert states(message) == {ANN: State.SENT}

    def test_what_is_in_flight_is_not_tried_again(self, world):
        world.answers = {ANN: "450"}
        message = bulletin(ANN)
        world.during = lambda: control.hold(message)
        work()
        world.answers = {}
        with later(days=1):
            work()

        assert states(message) == {ANN: State.QUEUED}

    def test_does_not_keep_what_expires(self, world):
        mail: Any = EmailMessage("Your code", "314-159", to=[ANN])
        mail.type = "tests.code"
        mail.send(using="letters")
        message = Message.objects.get()
        control.hold(message)
        with later(minutes=5):
            jobs.expire_waiting()

        assert states(message) == {ANN: State.SKIPPED}
        assert "314-159" not in str(Message.objects.values())

    def test_a_cancelled_email_in_flight_is_not_tried_again(self, world):
        world.answers = {ANN: "450"}
        message = bulletin(ANN)
        world.during = lambda: control.cancel(message, "changed my mind")
        work()
        world.answers = {}
        with later(days=1):
            work()

        assert states(message) == {ANN: State.SKIPPED}
        assert message.deliveries.get().reason == "changed my mind"


class TestSignals:
    @pytest.fixture
    def told(self):
        told: list[tuple[str, str]] = []

        def listen(sender, delivery, **_):
            told.append((delivery.address, delivery.state))

        watched = (signals.sent, signals.failed, signals.uncertain, signals.skipped)
        for signal in watched:
            signal.connect(listen)
        yield told
        for signal in watched:
            signal.disconnect(listen)

    def test_say_that_an_email_was_given_up(self, world, told):
        world.answers = {ANN: "450"}
        bulletin(ANN)
        work()
        with later(days=6):
            work()

        assert told == [(ANN, State.FAILED)]

    @pytest.mark.parametrize("answer", ["550", "450", "lost"])
    def test_say_nothing_of_a_row_that_another_worker_has_taken(self, world, told, answer):
        """The first worker is slow, and its leases run out while it hands the email over."""
        world.answers = {ANN: answer}
        letter(ANN)

        def overtake() -> None:
            world.answers = {}
            with later(minutes=5):
                work()
            world.answers = {ANN: answer}

        world.during = overtake
        work()

        assert told == [(ANN, State.SENT)]
        assert Delivery.objects.get().state == State.SENT


class TestTheTimeline:
    def test_keeps_refusals_failover_and_what_was_sent_again(self, world):
        from mailroom.admin.timeline import timeline

        world.down = {"first"}
        letter(ANN)
        work()
        said = [entry.what for entry in timeline(Delivery.objects.get())]
        assert said == ["queued", "first refused", "sent through second"]

    def test_keeps_the_outcome_that_is_overwritten(self, world):
        from mailroom.admin.timeline import timeline

        world.answers = {ANN: "550"}
        message = letter(ANN)
        work()
        world.answers = {}
        control.retry_failed(message)
        work()

        entries = timeline(Delivery.objects.get())
        said = [entry.what for entry in entries]
        assert said == ["queued", "failed at first", "queued again", "sent through second"]
        assert "550 about ann" in entries[1].detail

    def test_a_fault_of_the_provider_is_kept_once_for_a_window(self, world):
        world.down = {"first"}
        message = bulletin(ANN, BOB, CAT)
        work()

        assert set(states(message).values()) == {State.SENT}
        (fault,) = Attempt.objects.all()
        assert (fault.alias, fault.delivery) == ("first", None)


def test_a_missing_table_is_no_lost_connection():
    from mailroom.outcomes import database_fault, is_database_away

    assert is_database_away(OperationalError("server closed the connection"))
    assert not is_database_away(ValueError())
    lost, locked = OperationalError("server closed"), OperationalError("database is locked")
    assert database_fault(lost) == "The database is away (OperationalError)"
    assert database_fault(locked) == "The database is locked by another process (OperationalError)"
    assert "refuses a statement" in database_fault(IntegrityError())
