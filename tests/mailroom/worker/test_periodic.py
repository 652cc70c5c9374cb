"""Periodic jobs and the worker: work done once over all workers, and drained to the end."""

from datetime import timedelta
from functools import partial

import pytest
from django.core.management import call_command
from django.utils import timezone

from mailroom.delivery import engine
from mailroom.models import ClockLease, Delivery, WorkerBeat
from mailroom.worker import periodic, process, readiness
from tests.mailroom.conftest import queue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def jobs(monkeypatch) -> dict[str, periodic.Job]:
    """No job but those that a test registers."""
    own: dict[str, periodic.Job] = {}
    monkeypatch.setattr(periodic, "_jobs", own)
    return own


def test_one_of_several_workers_wins_a_job(jobs):
    assert [ClockLease.win("digest", 60) for _ in range(3)] == [True, False, False]

    ClockLease.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert [ClockLease.win("digest", 60) for _ in range(2)] == [True, False]


def test_jobs_that_rest_cost_one_query_for_all_of_an_interval(jobs, django_assert_num_queries):
    done: list[int] = []
    for number in range(5):
        jobs[str(number)] = periodic.Job(str(number), 60, partial(done.append, number))
    periodic.JobSchedule().tick()
    assert done == [0, 1, 2, 3, 4]

    with django_assert_num_queries(2):  # what is due, and who has the rest
        periodic.JobSchedule().tick()
    assert done == [0, 1, 2, 3, 4]

    ClockLease.objects.update(due_at=timezone.now())
    with django_assert_num_queries(1):
        periodic.JobSchedule().tick()
    assert done == [0, 1, 2, 3, 4] * 2


def test_one_process_asks_for_a_job_no_sooner_than_it_can_be_due(jobs, django_assert_num_queries):
    jobs["one"] = periodic.Job("one", 3600, list)
    schedule = periodic.JobSchedule()
    schedule.tick()

    with django_assert_num_queries(0):
        schedule.tick()


def test_a_lease_of_a_wrong_clock_counts_as_due_and_is_logged(jobs, caplog):
    done: list[int] = []
    jobs["settle"] = periodic.Job("settle", 15, partial(done.append, 1))
    ClockLease.objects.create(name="settle", due_at=timezone.now() + timedelta(hours=1))

    periodic.JobSchedule().tick()

    assert done == [1]
    assert "ahead of the clock" in caplog.text
    assert ClockLease.objects.get().due_at < timezone.now() + timedelta(seconds=16)


def test_a_job_with_more_to_do_comes_again_at_once(jobs):
    left = [True, True, False]
    jobs["retention"] = periodic.Job("retention", 3600, lambda: left.pop(0))
    schedule = periodic.JobSchedule()

    for _ in range(5):
        schedule.tick()

    assert left == []


def test_a_row_that_fails_stops_no_other(caplog):
    done = []

    def work(row: int) -> None:
        if row == 2:
            raise ValueError("a line separator in an address")
        done.append(row)

    periodic.each([1, 2, 3], work)

    assert done == [1, 3]
    assert "a line separator" in caplog.text


def test_a_job_that_fails_stops_no_other(jobs, caplog):
    done = []

    @periodic.every(seconds=1)
    def broken() -> None:
        raise RuntimeError("spring lost")

    @periodic.every(seconds=1)
    def whole() -> None:
        done.append("whole")

    periodic.JobSchedule().tick()

    assert done == ["whole"]
    assert "spring lost" in caplog.text


def test_drain_sends_all_that_is_due_and_ends(in_memory, mailoutbox):
    queue("letters")
    queue("bulletin")

    call_command("worker", drain=True)

    assert len(mailoutbox) == 2


def test_what_is_not_due_is_left(in_memory, mailoutbox):
    queue("letters")
    Delivery.objects.update(not_before=timezone.now() + timedelta(hours=1))

    process.drain()

    assert mailoutbox == []


def test_threads_are_kept_for_channels_that_people_wait_for(in_memory):
    assert engine.is_transactional("letters")
    assert not engine.is_transactional("bulletin")


def test_a_worker_whose_clock_was_wrong_is_not_taken_for_alive():
    WorkerBeat.objects.create(name="one", beat_at=timezone.now() + timedelta(hours=1))

    assert readiness.readiness()["ready"] is False


def test_a_worker_is_ready_while_it_beats():
    assert readiness.readiness()["ready"] is False

    WorkerBeat.beat("one")
    assert readiness.readiness() == {"ready": True, "database": "ok", "workers": 1}

    WorkerBeat.objects.update(beat_at=timezone.now() - timedelta(minutes=1))
    assert readiness.readiness()["workers"] == 0
