"""All verbs of the outbox in any order, against a real database and the real engine.

A state machine queues email, answers it in every way, kills workers, holds, releases, cancels,
sends again, settles, suppresses and erases, and moves the clock. After each step it checks what
must hold whatever happened before.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mailroom import signals
from mailroom.delivery import breaker
from mailroom.messages.merge_fields import slot
from mailroom.models import Attempt, Delivery, Event, MailerHealth, Message, Suppression
from mailroom.outbox import Recipient, add_deliveries, control, freeze
from mailroom.outbox.personal_data import forget_address
from tests.mailroom.crossing import world as the_world
from tests.mailroom.crossing.world import (
    BAD_HOOKS,
    HOOKS,
    MAILERS,
    TYPES,
    Sent,
    forget_old,
    mortal,
    settle,
    start_anew,
    work,
)

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State
ENDS = {State.SENT, State.FAILED, State.UNCERTAIN, State.SKIPPED}
NAMES = ["", "Ada", "O'Brien\r\nBcc: x@example.com", "Zoë \x00\u2028", 'a "b" <c>']
ANSWERS = [
    "accept",
    "accept",
    "450",
    "550",
    "account",
    "lost",
    "accept, lost",
    "die",
    "accept, die",
]
# What follows once an email is queued. A verb behind a slash comes while it is handed over.
STORIES = [
    "",
    "work",
    "work/overtake",
    "work/settle",
    "work/erase",
    "hold, work, release, work",
    "cancel, work",
    "erase, work",
    "refuse, work/overtake",
    "refuse, work, erase, send failed again, work",
    "refuse, work, send failed again, work",
    "refuse for now, work/hold, accept, wait, work",
    "refuse for now, work/cancel, accept, wait, work",
    "refuse for now, work, hold, accept, an outage ends",
]
WAITS = [10, 70, 300, 3600, 86_400, 6 * 86_400, -3600]

slots = st.integers(0, 2)  # a person's place; who was erased is replaced by somebody new
some_slots = st.lists(slots, min_size=2, max_size=3, unique=True)
stories = st.sampled_from(STORIES)
answers = st.sampled_from(ANSWERS)
which = st.integers(0, 5)
providers = st.sampled_from(["first", "second"])


class Crossing(RuleBasedStateMachine):
    """One example: an empty outbox, and what the machine knows of it."""

    django_settings: Any
    reached: Counter[str] = Counter()  # what became of which kind of email, over all examples

    @initialize()
    def begin(self) -> None:
        self.world = start_anew()
        self.world.heard = self.heard
        self.traveller = time_machine.travel(timezone.now(), tick=False)
        self.clock = self.traveller.start()
        self.django_settings.STAGING_MAIL = []
        self.written: dict[int, tuple[str, str]] = {}  # message -> its subject and body
        self.rows: dict[int, tuple[int, str]] = {}  # delivery -> its message and address
        self.people = [f"p{slot}.0@example.com" for slot in range(3)]
        self.everybody = set(self.people)
        self.suspects: set[str] = set()  # people for whom a hook failed
        self.modes: dict[str, str] = {}  # provider -> what a person decided about it
        self.held: set[int] = set()
        self.cancelled: set[int] = set()
        self.erased: dict[int, str] = {}  # delivery -> the address it had
        self.gone: set[str] = set()  # addresses that were erased
        self.gone_before: set[str] = set()  # and those of them that were when the step began
        self.in_flight: set[int] = set()  # rows that a hold, cancel or erase found in flight
        self.again: dict[int, int] = {}  # how often a person had a row sent again
        self.signals: list[tuple[int, str]] = []
        self.faults: list[str] = []
        self.by_verb: set[int] = set()  # rows that a verb ended during the step
        for state, signal in SIGNALS.items():
            signal.connect(self.listeners.setdefault(state, self.listener(state)))

    listeners: dict[str, Callable[..., None]]

    def __init__(self) -> None:
        super().__init__()
        self.listeners = {}

    def listener(self, state: str) -> Callable[..., None]:
        def listen(sender: Any, delivery: Delivery, **_: Any) -> None:
            row = Delivery.objects.get(pk=delivery.pk)
            if not row.state == delivery.state == state:
                self.faults.append(f"signal {state} for {row.pk}, which is {row.state}")
            self.signals.append((row.pk, state))
            raise RuntimeError("a receiver that fails")

        return listen

    # -- Queueing -------------------------------------------------------------------------------

    @rule(slot=slots, answer=answers, story=stories)
    def a_letter(self, slot: int, answer: str, story: str) -> None:
        EmailMessage("A letter", "Good day.", to=[self.people[slot]]).send(using="letters")
        self.go_on([slot], answer, story)

    @rule(slot=slots, answer=answers, story=stories)
    def a_code(self, slot: int, answer: str, story: str) -> None:
        mail: Any = EmailMessage("Your code", "314-159", to=[self.people[slot]])
        mail.type = "tests.code"
        mail.send(using="letters")
        self.go_on([slot], answer, story)

    @rule(to=some_slots, visible=st.integers(0, 3), answer=answers, story=stories)
    def a_letter_to_several(self, to: list[int], visible: int, answer: str, story: str) -> None:
        addresses = [self.people[slot] for slot in to]
        mail = EmailMessage("A meeting", "At ten.", to=addresses[:visible], cc=addresses[visible:])
        mail.send(using="letters")
        self.go_on(to, answer, story)

    @rule(to=some_slots, name=st.sampled_from(NAMES), answer=answers, story=stories)
    def a_bulletin(self, to: list[int], name: str, answer: str, story: str) -> None:
        self.queue_bulletin("", "No problems.", to, name)
        self.go_on(to, answer, story)

    @rule(hook=st.sampled_from(HOOKS), to=some_slots, answer=answers, story=stories)
    def a_bulletin_with_a_hook(self, hook: str, to: list[int], answer: str, story: str) -> None:
        """The hook does something odd for the first recipient; the others get the bulletin."""
        odd = self.people[to[0]]
        self.world.hooks = {odd: hook}
        if hook in BAD_HOOKS:
            self.suspects.add(odd)
        self.queue_bulletin("tests.hooked", f"{slot('greeting')}! No problems.", to, "Ada")
        self.go_on(to, answer, story)

    @rule(kind=st.sampled_from(["tests.personal_gone", "tests.gate_gone"]), to=some_slots)
    def a_bulletin_whose_hook_was_removed(self, kind: str, to: list[int]) -> None:
        self.queue_bulletin(kind, "No problems.", to, "Ada")
        self.suspects |= {self.people[slot] for slot in to}
        self.go_on(to, "accept", "work")

    def queue_bulletin(self, kind: str, body: str, to: list[int], name: str) -> None:
        mail: Any = EmailMessage("News", body, to=[])
        mail.type = kind
        message = freeze(mail, "bulletin")
        add_deliveries(message, [Recipient(self.people[slot], name) for slot in to])

    def go_on(self, to: list[int], answer: str, story: str) -> None:
        """Note what was queued just now and how it is answered, and go on with its story."""
        message = self.learn()
        self.world.answers |= {self.people[slot]: answer for slot in to}
        for act in filter(None, story.split(", ")):
            verb, _, meanwhile = act.partition("/")
            if meanwhile:
                self.world.during = lambda verb=meanwhile: self.do(verb, message, to[0])
            self.do(verb, message, to[0])
            self.world.during = None

    def do(self, verb: str, message: Message, slot: int) -> None:
        """One act of a story about a message and one of its recipients."""
        verbs: dict[str, Callable[[], object]] = {
            "work": self.a_worker_works,
            "overtake": self.overtake,
            "settle": settle,
            "wait": lambda: self.wait(7200),
            "hold": lambda: self.hold_message(message),
            "release": lambda: self.release_message(message),
            "cancel": lambda: self.cancel_message(message),
            "erase": lambda: self.erase(slot),
            "accept": self.world.answers.clear,
            "refuse": lambda: self.answer_all("550"),
            "refuse for now": lambda: self.answer_all("450"),
            "an outage ends": self.an_outage_ends,
            "send failed again": lambda: self.send_again(State.FAILED),
        }
        verbs[verb]()

    def learn(self) -> Message:
        """Note what was queued just now."""
        message = Message.objects.latest("pk")
        self.written[message.pk] = message.subject, message.body
        for row in message.deliveries.all():
            self.rows[row.pk] = message.pk, row.address
        return message

    # -- The world ------------------------------------------------------------------------------

    @rule(slot=slots, answer=answers)
    def answer(self, slot: int, answer: str) -> None:
        self.world.answers[self.people[slot]] = answer

    def answer_all(self, answer: str) -> None:
        self.world.answers = dict.fromkeys(self.people, answer)

    @rule(down=st.sampled_from([set(), {"first"}, {"first", "second"}]))
    def providers_down(self, down: set[str]) -> None:
        self.world.down = down

    @rule(alias=providers, mode=st.sampled_from(MailerHealth.Mode.values))
    def a_person_decides_about_a_provider(self, alias: str, mode: str) -> None:
        breaker.set_mode(alias, mode)
        self.modes[alias] = mode

    @rule(alias=providers)
    def retry_now(self, alias: str) -> None:
        breaker.try_now(alias)

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: float) -> None:
        self.clock.shift(timedelta(seconds=seconds))

    @rule(is_on=st.booleans())
    def staging(self, is_on: bool) -> None:
        self.django_settings.STAGING_MAIL = ["qa@example.com"] if is_on else []

    # -- Workers --------------------------------------------------------------------------------

    @rule()
    def a_worker_works(self) -> None:
        with self.step():
            work()

    @rule(commit=st.integers(0, 6), after=st.booleans())
    def a_worker_may_die(self, commit: int, after: bool) -> None:
        with self.step():
            with mortal(commit, after=after):
                work()
            self.is_mortal = True

    def overtake(self) -> None:
        """The worker is slow, its leases run out, and another one does its work."""
        self.clock.shift(timedelta(minutes=5))
        answers, self.world.answers = self.world.answers, {}
        work()
        self.world.answers = answers

    @rule(slot=slots)
    def five_days_of_refusals(self, slot: int) -> None:
        before, self.world.answers = self.world.answers, {self.people[slot]: "450"}
        with self.step():
            work()
            self.clock.shift(timedelta(days=6))
            work()
        self.world.answers = before

    @rule()
    def an_outage_ends(self) -> None:
        """All providers refuse connections until they cool down, and then work again."""
        before, self.world.down = self.world.down, {"first", "second"}
        letter = EmailMessage("Ping", "Ping", to=["probe@example.com"])
        with self.step():
            for _ in range(3):
                letter.send(using="letters")
                self.learn()
                work()
            self.world.down = set()
            for _ in range(2):
                self.clock.shift(timedelta(minutes=10))
                work()
        self.world.down = before

    @contextmanager
    def step(self) -> Iterator[None]:
        """Run a worker, and hold the signals against what changed."""
        self.gone_before, self.in_flight = set(self.gone), set()
        self.by_verb, self.signals, self.is_mortal = set(), [], False
        before = self.ends()
        self.is_mortal = any("die" in answer for answer in self.world.answers.values())
        if self.is_mortal:
            with mortal():
                yield
        else:
            yield
        changed = {item for item in self.ends().items() if item not in before.items()}
        told = set(self.signals)
        for pk, (state, _at) in changed:
            if pk not in self.by_verb and not self.is_mortal:
                assert (pk, state) in told, f"no signal that {pk} is {state}"
        for pk, state in told:
            assert pk in dict(changed), f"a signal that {pk} is {state}, which nothing changed"
            assert self.signals.count((pk, state)) == 1, f"{pk} is {state}, said twice"
        self.count(dict(changed))

    def count(self, changed: dict[int, tuple[str, Any]]) -> None:
        """Count what became of the rows, so that a rule that reaches nothing is noticed."""
        for row in Delivery.objects.filter(pk__in=changed).select_related("message"):
            one = "a group" if row.message.is_grouped else "a letter"
            kind = "bulk" if row.message.is_bulk else one
            self.reached[f"{kind} {row.state}"] += 1

    def ends(self) -> dict[int, tuple[str, Any]]:
        rows = Delivery.objects.filter(state__in=ENDS)
        return {pk: (state, at) for pk, state, at in rows.values_list("pk", "state", "finished_at")}

    def heard(self, sent: Sent) -> None:
        """A provider is handed an email: nobody may have stopped it, and it says what it should."""
        if self.modes.get(sent.by) == MailerHealth.Mode.PAUSED:
            self.faults.append(f"{sent.by} was handed {sent.delivery} while it was paused")
        message, address = self.rows[sent.delivery]
        row_of = {one: pk for pk, (other, one) in self.rows.items() if other == message}
        rows = {row_of[one] for one in sent.to if one in row_of} or {sent.delivery}
        for pk in rows - self.in_flight:
            if message in self.held:
                self.faults.append(f"{pk} was handed over while on hold")
            if message in self.cancelled:
                self.faults.append(f"{pk} was handed over after it was cancelled")
            if pk in self.erased:
                self.faults.append(f"{pk} was handed over after its person was erased")
        for one in self.gone_before:
            if one in sent.visible or one in sent.to:
                self.faults.append(f"{one} was erased and is named in {sent.delivery}")
        subject, body = self.written[message]
        greeting = f"Hello {address}"
        if subject not in sent.subject or body.replace(slot("greeting"), greeting) != sent.body:
            self.faults.append(f"{sent.delivery} says {sent.subject!r}, {sent.body!r}")

    # -- People ---------------------------------------------------------------------------------

    def message(self, number: int) -> Message | None:
        found = list(Message.objects.order_by("-pk"))
        return found[number % len(found)] if found else None

    @rule(number=which)
    def hold(self, number: int) -> None:
        if message := self.message(number):
            self.hold_message(message)

    def hold_message(self, message: Message) -> None:
        control.hold(message)
        self.held.add(message.pk)
        self.note_in_flight(message.deliveries.all())

    @rule(number=which)
    def release(self, number: int) -> None:
        if message := self.message(number):
            self.release_message(message)

    def release_message(self, message: Message) -> None:
        control.release(message)
        self.held.discard(message.pk)

    @rule(number=which)
    def cancel(self, number: int) -> None:
        if message := self.message(number):
            self.cancel_message(message)

    def cancel_message(self, message: Message) -> None:
        queued = set(message.deliveries.filter(state=State.QUEUED).values_list("pk", flat=True))
        control.cancel(message, "changed my mind")
        self.by_verb |= queued
        self.cancelled.add(message.pk)
        self.note_in_flight(message.deliveries.all())

    @rule(state=st.sampled_from([State.FAILED, State.UNCERTAIN]))
    def send_again(self, state: str) -> None:
        for message in Message.objects.all():
            rows = message.deliveries.filter(state=state)
            before = {row.pk: row.error or row.reason for row in rows}
            again = control.retry_failed if state == State.FAILED else control.retry_uncertain
            again(message)
            for row in message.deliveries.filter(pk__in=before, state=State.QUEUED):
                self.again[row.pk] = self.again.get(row.pk, 0) + 1
                kept = Attempt.objects.filter(delivery=row, outcome=state).latest("pk")
                assert kept.error == before[row.pk]
                assert kept.requeued_at

    @rule(number=which)
    def count_as_sent(self, number: int) -> None:
        if message := self.message(number):
            control.count_as_sent(message)

    @rule(slot=slots, reason=st.sampled_from(["bounced", "complained"]))
    def suppress(self, slot: int, reason: str) -> None:
        Suppression.objects.get_or_create(
            address=self.people[slot], channel="", defaults={"reason": reason}
        )

    @rule(slot=slots)
    def lift(self, slot: int) -> None:
        for row in Suppression.objects.of(self.people[slot]):
            row.lift("looked at")

    @rule(slot=slots)
    def erase(self, slot: int) -> None:
        """Erase a person; somebody else takes the place."""
        person = self.people[slot]
        own = Delivery.objects.filter(address=person)
        mine = {row.pk: row.state for row in own}
        self.note_in_flight(own)
        forget_address(person)
        self.by_verb |= {pk for pk, state in mine.items() if state in {State.QUEUED, State.SENDING}}
        self.erased |= dict.fromkeys(mine, person)
        self.gone.add(person)
        self.people[slot] = f"p{slot}.{len(self.gone)}@example.com"
        self.everybody.add(self.people[slot])

    @rule(
        number=which, kind=st.sampled_from(["delivered", "hard_bounce", "complained", "rejected"])
    )
    def a_provider_reports(self, number: int, kind: str) -> None:
        tried = list(Delivery.objects.filter(attempts__gt=0).order_by("pk"))
        if tried:
            row = tried[number % len(tried)]
            Event.objects.create(
                provider="tests",
                event_id=f"{Event.objects.count()}-{timezone.now().timestamp()}",
                kind=kind,
                told_delivery=row.pk,
                address=self.rows[row.pk][1],
            )
            with self.step():
                work()

    @rule()
    def old_messages_go(self) -> None:
        open_ones = set(
            Delivery.objects.unfinished().values_list("message_id", flat=True).distinct()
        )
        self.clock.shift(timedelta(days=100))
        forget_old()
        assert open_ones <= set(Message.objects.values_list("pk", flat=True))

    def note_in_flight(self, rows: Any) -> None:
        """What a worker has handed over, or is about to, when a verb is committed."""
        self.in_flight |= set(rows.filter(state=State.SENDING).values_list("pk", flat=True))

    # -- What holds whatever happened -------------------------------------------------------------

    @invariant()
    def nothing_was_wrong(self) -> None:
        faults = getattr(self, "faults", [])
        assert not faults, faults

    @precondition(lambda self: hasattr(self, "rows"))
    @invariant()
    def rows_are_sound(self) -> None:
        stored = {row.pk: row for row in Delivery.objects.select_related("message")}
        for pk, (message, address) in self.rows.items():
            row = stored.get(pk)
            if row is None:
                continue  # retention
            assert bool(row.finished_at) == (row.state in ENDS), f"{row.state} {row.finished_at}"
            group = {one for other, one in self.rows.values() if other == message}
            strangers = {one for one in self.everybody if one in row.error} - group
            assert not strangers, f"{address} has the error of {strangers}"
            if row.reason == "could not be built":
                assert address in self.suspects, f"{address} failed for another's hook"
            if row.reason in {"erased", "forgotten"}:
                assert pk in self.erased, f"{address} gets nothing since another was erased"
            if pk in self.erased:
                assert row.state in ENDS, "what is erased is queued"
                assert row.is_erased
                assert "@" not in f"{row.name}{row.values}{row.error}"

    @precondition(lambda self: getattr(self, "gone", None))
    @invariant()
    def erased_means_gone(self) -> None:
        for model in (Delivery, Attempt, Event, Suppression):
            texts = str(list(model.objects.values()))
            assert not {one for one in self.gone if one in texts}, model
        for message in Message.objects.all():
            named = f"{message.to}{message.cc}{message.bcc}"
            assert not {one for one in self.gone if one in named}

    @precondition(lambda self: hasattr(self, "rows"))
    @invariant()
    def secrets_go_with_their_work(self) -> None:
        done = Message.objects.finished().filter(is_secret=True, erased_at=None)
        assert not done.exclude(deliveries=None).exists()

    @precondition(lambda self: hasattr(self, "rows"))
    @invariant()
    def bulk_is_accepted_once(self) -> None:
        bulk = set(Message.objects.filter(is_bulk=True).values_list("pk", flat=True))
        counts: dict[int, int] = {}
        for sent in self.world.log:
            if self.rows[sent.delivery][0] in bulk:
                counts[sent.delivery] = counts.get(sent.delivery, 0) + 1
        for pk, count in counts.items():
            assert count <= 1 + self.again.get(pk, 0), f"{pk} was accepted {count} times"

    def teardown(self) -> None:
        """Let everything work again: each row must reach an end."""
        if not hasattr(self, "rows"):
            return
        try:
            self.world.answers, self.world.hooks, self.world.down = {}, {}, set()
            self.django_settings.STAGING_MAIL = []
            for alias in self.modes:
                breaker.set_mode(alias, "")
            self.modes = {}
            for message in Message.objects.all():
                control.release(message)
                self.held.discard(message.pk)
            self.gone_before = set(self.gone)
            for _ in range(8):
                if not Delivery.objects.unfinished().exists():
                    break
                self.clock.shift(timedelta(hours=3))
                work()
            left = Delivery.objects.unfinished().values_list("pk", "state", "error")
            assert not left, list(left)
            self.nothing_was_wrong()
            self.rows_are_sound()
            self.bulk_is_accepted_once()
        finally:
            for state, signal in SIGNALS.items():
                signal.disconnect(self.listeners[state])
            self.traveller.stop()


SIGNALS = {
    State.SENT: signals.sent,
    State.FAILED: signals.failed,
    State.UNCERTAIN: signals.uncertain,
    State.SKIPPED: signals.skipped,
}


# What each kind of email must have become at least once, or a rule doesn't do what it says.
REACHED = {
    "a letter": {State.SENT, State.FAILED, State.SKIPPED},
    "a group": {State.SENT, State.FAILED, State.SKIPPED},
    "bulk": ENDS,
}

ENOUGH = 200  # examples, to reach what is not rare; with 5,000 everything is reached
ALWAYS_REACHED = {"a letter sent", "a letter skipped", "a group sent", "bulk sent", "bulk failed"}


@pytest.mark.parametrize(
    "examples",
    [ENOUGH, pytest.param(5_000, marks=pytest.mark.full)],
    ids=lambda n: f"{n} examples",
)
def test_features_meet_and_every_invariant_holds(examples, settings_):
    Crossing.django_settings = settings_
    Crossing.reached = Counter()
    run_state_machine_as_test(
        Crossing,
        settings=settings(
            max_examples=examples,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    wanted = {f"{kind} {state}" for kind, states in REACHED.items() for state in states}
    wanted = wanted if examples > ENOUGH else ALWAYS_REACHED
    assert not wanted - Crossing.reached.keys(), "a rule no longer does what it says"


@pytest.fixture
def settings_(settings) -> Any:
    """Django's settings with the channels and the provider of these tests."""
    logging.disable(logging.CRITICAL)  # each failing hook and receiver is logged with its traceback
    settings.MESSAGE_TYPES = TYPES
    settings.MAILERS = MAILERS
    settings.MAILER_URLS = {"first": "first:", "second": "second:"}
    settings.MAILER_SENDERS = {}
    yield settings
    logging.disable(logging.NOTSET)
    the_world.start_anew()
