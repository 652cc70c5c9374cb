"""One row that cannot be worked on stops no other, and is not reported every minute."""

import logging

import pytest
from django.core import mail
from django.utils import timezone

from mailroom.worker import periodic as clock
from newsletters import emails
from newsletters.models import Issue, Subscription
from newsletters.sending import auto_pause, publish
from newsletters.signals import issue_sent, issue_stopped

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("outbox_mailers")]
State = Issue.State


@pytest.fixture(autouse=True)
def _nothing_logged_before(monkeypatch):
    monkeypatch.setattr(clock, "_logged", {})


@pytest.fixture
def three(weekly, subscribed):
    """Make three issues in the same state; the second one is bad."""
    subscribed("reader@example.com")

    def make(state, **fields):
        for name in ("first", "bad", "last"):
            Issue.objects.create(
                newsletter=weekly, subject=name, slug=name, body="Hello", state=state, **fields
            )

    return make


@pytest.fixture
def refuse(request):
    """Have a receiver of a signal fail for the bad issue."""

    def connect(signal):
        def receiver(issue, **kwargs):
            if issue.subject == "bad":
                raise ValueError("a receiver that fails")

        signal.connect(receiver)
        request.addfinalizer(lambda: signal.disconnect(receiver))

    return connect


def states():
    return list(Issue.objects.order_by("pk").values_list("state", flat=True))


def run_often(job, caplog):
    """Run a job three times; how many errors it logged."""
    for _ in range(3):
        job()
    return len([record for record in caplog.records if record.levelno >= logging.ERROR])


def test_a_confirmation_that_fails_leaves_the_others_to_go_out(
    weekly, drain, outbox_mailers, monkeypatch
):
    for name in ("a", "bad", "z"):
        Subscription.objects.create(
            newsletter=weekly, email=f"{name}@example.com", confirmation_wanted=True
        )
    real = emails.confirm_subscription

    def confirm(subscription):
        if subscription.email.startswith("bad"):
            raise ValueError("no email can be made of this row")
        return real(subscription)

    monkeypatch.setattr(emails, "confirm_subscription", confirm)
    drain()

    assert sorted(message.to[0] for message in mail.outbox) == ["a@example.com", "z@example.com"]
    bad = Subscription.objects.get(email="bad@example.com")
    assert bad.confirmation_wanted


def test_an_issue_that_cannot_start_leaves_the_others_to(three, monkeypatch, caplog):
    three(State.SCHEDULED, publish_at=timezone.now())
    real = emails.issue

    def issue_email(issue, *args, **kwargs):
        if issue.subject == "bad":
            raise KeyError("its template is broken")
        return real(issue, *args, **kwargs)

    monkeypatch.setattr(emails, "issue", issue_email)

    assert run_often(publish.publish_due, caplog) == 1
    assert states() == [State.SENDING, State.SCHEDULED, State.SENDING]


def test_an_issue_that_cannot_be_finished_leaves_the_others_to(three, refuse, caplog):
    three(State.SENDING, queued_at=timezone.now())
    refuse(issue_sent)

    assert run_often(publish.finish, caplog) == 1
    assert states() == [State.SENT, State.SENDING, State.SENT]


def test_an_issue_that_cannot_be_stopped_leaves_the_others_to(three, refuse, caplog, monkeypatch):
    three(State.SCHEDULED, publish_at=timezone.now())
    publish.publish_due()
    monkeypatch.setattr(auto_pause, "_run_of_failures", lambda *args: "All emails failed.")
    refuse(issue_stopped)

    assert run_often(auto_pause.look, caplog) == 1
    assert states() == [State.PAUSED, State.SENDING, State.PAUSED]


def test_an_issue_whose_task_is_refused_leaves_the_others_to_be_queued(three, caplog, monkeypatch):
    three(State.SENDING)
    queued = []

    def enqueue(task, pk):
        if Issue.objects.get(pk=pk).subject == "bad":
            raise ConnectionRefusedError
        queued.append(pk)

    monkeypatch.setattr(type(publish.queue_issue), "enqueue", enqueue)

    assert run_often(publish.take_up_forgotten, caplog) == 1
    assert len(set(queued)) == 2


def test_a_database_that_is_away_is_no_fault_of_a_row():
    from django.db import OperationalError

    def work(row):
        raise OperationalError("server closed the connection")

    with pytest.raises(OperationalError):
        clock.each([1, 2], work)


def test_a_failure_is_logged_without_the_text_of_its_row(subscribed, caplog):
    def work(row):
        raise ValueError

    row = subscribed("somebody@example.com")
    clock.each([row], work)

    assert f"Subscription {row.pk}" in caplog.text
    assert "somebody" not in caplog.text
