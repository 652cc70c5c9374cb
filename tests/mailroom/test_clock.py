"""The clock and the worker: work done once over all workers, and drained to the end."""

from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from mailroom import clock, readiness, worker
from mailroom.models import ClockLease, Delivery, WorkerBeat
from tests.mailroom.conftest import queue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def jobs(monkeypatch) -> dict[str, clock.Job]:
    """No job but those that a test registers."""
    own: dict[str, clock.Job] = {}
    monkeypatch.setattr(clock, "_jobs", own)
    return own


def test_one_of_several_workers_wins_a_job(jobs):
    assert [ClockLease.win("digest", 60) for _ in range(3)] == [True, False, False]

    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert [ClockLease.win("digest", 60) for _ in range(2)] == [True, False]


def test_jobs_that_rest_are_known_by_one_query(jobs, django_assert_num_queries):
    done: list[int] = []
    for number in range(5):
        jobs[str(number)] = clock.Job(str(number), 60, partial(done.append, number))
    clock.tick()
    assert done == [0, 1, 2, 3, 4]

    with django_assert_num_queries(1):
        clock.tick()

    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        clock.tick()
    assert done == [0, 1, 2, 3, 4] * 2


def test_a_job_that_fails_stops_no_other(jobs, caplog):
    done = []

    @clock.every(seconds=1)
    def broken() -> None:
        raise RuntimeError("spring lost")

    @clock.every(seconds=1)
    def whole() -> None:
        done.append("whole")

    clock.tick()

    assert done == ["whole"]
    assert "spring lost" in caplog.text


def test_drain_sends_all_that_is_due_and_ends(in_memory, mailoutbox):
    queue("letters")
    queue("bulletin")

    call_command("worker", drain=True)

    assert len(mailoutbox) == 2


def test_a_row_whose_nudge_was_lost_is_found(in_memory, mailoutbox):
    from django_tasks_db.models import DBTaskResult

    queue("letters")
    DBTaskResult.objects.all().delete()

    worker.drain()

    assert len(mailoutbox) == 1


def test_what_is_not_due_is_left(in_memory, mailoutbox):
    queue("letters")
    Delivery.objects.update(not_before=timezone.now() + timedelta(hours=1))

    worker.drain()

    assert mailoutbox == []


def test_queues_that_people_wait_for_come_first(in_memory):
    urgent, others = worker.queues()

    assert urgent == ["mail.letters"]
    assert others == ["mail.bulletin", "default", "mailboxes"]


def test_a_worker_is_ready_while_it_beats():
    assert readiness.readiness()["ready"] is False

    WorkerBeat.objects.create(name="one")
    assert readiness.readiness() == {"ready": True, "database": "ok", "workers": 1}

    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        assert readiness.readiness()["workers"] == 0
