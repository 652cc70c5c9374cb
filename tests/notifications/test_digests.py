"""Digests: one mail for what is new and unread, at the reader's hour, once."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError
from django.utils import timezone

from notifications import digests
from notifications.digests import LINES, make_due_digests, plan_forgotten
from notifications.kinds import KINDS, Way
from notifications.models import DueDigest, Notification, Preference, Schedule
from notifications.notify import notify
from tests.at_once import at_once


@pytest.fixture
def reader(ann):
    """Ann gets new issues by digest."""
    Preference.choose(ann, KINDS["new_issue"], Way.DIGEST)
    return ann


def tell(user, subject: str = "First", newsletter: str = "Weekly", **extra) -> None:
    notify(user, "new_issue", newsletter=newsletter, subject=subject, **extra)


@pytest.fixture
def eight_o_clock(drain):
    """Let every planned digest be due, and do all work."""

    def arrive() -> None:
        DueDigest.objects.update(due_at=timezone.now())
        drain()

    return arrive


class TestContent:
    def test_is_one_mail_grouped_by_newsletter(self, reader, eight_o_clock):
        tell(reader, "First")
        tell(reader, "Other", newsletter="Tom & Jerry")
        tell(reader, "Second")
        eight_o_clock()
        (message,) = mail.outbox
        assert (message.subject, message.to) == ("3 new notifications", [reader.email])
        assert message.body.count("Weekly:") == 1
        assert "- Weekly has a new issue: Second\n- Weekly has a new issue: First" in message.body
        assert "Tom & Jerry" in message.body

    def test_goes_without_what_was_read_or_mailed(self, reader, eight_o_clock):
        tell(reader, "Read already")
        Notification.objects.of(reader).mark_read()
        tell(reader, "Still new")
        eight_o_clock()
        assert "Still new" in mail.outbox[0].body
        assert "Read already" not in mail.outbox[0].body
        tell(reader, "The next day")
        eight_o_clock()
        assert "Still new" not in mail.outbox[1].body

    def test_who_read_everything_gets_none(self, reader, eight_o_clock):
        tell(reader)
        Notification.objects.of(reader).mark_read()
        eight_o_clock()
        assert mail.outbox == []
        assert not DueDigest.objects.exists()

    def test_a_long_one_is_cut_and_says_so(self, reader, eight_o_clock):
        rows = [
            Notification(recipient=reader, kind="new_issue", by_digest=True)
            for _ in range(LINES + 7)
        ]
        Notification.objects.bulk_create(rows)
        plan_forgotten()
        eight_o_clock()
        assert "And 7 more." in mail.outbox[0].body
        assert mail.outbox[0].subject == f"{LINES + 7} new notifications"
        assert not Notification.objects.filter(mailed_at=None).exists()

    def test_says_why_it_came_and_how_to_stop_it(self, reader, eight_o_clock, client):
        tell(reader)
        eight_o_clock()
        (message,) = mail.outbox
        assert "chose to get a digest" in message.body
        switch = message.extra_headers["List-Unsubscribe"].strip("<>")
        assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        client.post(switch, {"List-Unsubscribe": "One-Click"})
        assert Preference.chosen_by(reader) == {}  # back to the default, which is in-app


class TestPlan:
    def test_is_made_by_the_first_notification_and_kept_by_the_next(self, reader):
        Schedule.objects.create(user=reader, every="week", weekday=2, hour=17)
        tell(reader)
        planned = DueDigest.objects.get()
        tell(reader)
        assert DueDigest.objects.get() == planned
        assert (planned.due_at.weekday(), planned.due_at.hour) == (2, 17)

    def test_is_in_the_readers_zone(self, reader):
        type(reader).objects.update(time_zone="Asia/Kolkata")
        reader.refresh_from_db()
        tell(reader)
        due = DueDigest.objects.get().due_at
        assert (due.hour, due.minute) == (2, 30)

    def test_a_choice_of_today_counts_for_what_was_told_yesterday(self, reader, eight_o_clock):
        tell(reader)
        Preference.choose(reader, KINDS["new_issue"], Way.OFF)
        eight_o_clock()
        assert mail.outbox == []

    def test_a_pause_moves_it(self, reader, eight_o_clock):
        tell(reader)
        Schedule.objects.create(user=reader, paused_until=timezone.now().date() + timedelta(2))
        eight_o_clock()
        assert mail.outbox == []
        assert DueDigest.objects.get().due_at > timezone.now()

    def test_one_that_fails_holds_up_nobody(self, reader, bob, eight_o_clock, monkeypatch, caplog):
        Preference.choose(bob, KINDS["new_issue"], Way.DIGEST)
        tell([reader, bob])
        real = digests._address
        monkeypatch.setattr(
            digests, "_address", lambda user: 1 / 0 if user == reader else real(user)
        )
        eight_o_clock()
        assert [message.to for message in mail.outbox] == [[bob.email]]
        assert DueDigest.objects.get().user == reader
        assert "The digest of user" in caplog.text
        monkeypatch.undo()
        eight_o_clock()
        assert len(mail.outbox) == 2


@pytest.mark.django_db(transaction=True)
def test_a_broken_row_of_the_database_holds_up_nobody(reader, bob, eight_o_clock, monkeypatch):
    Preference.choose(bob, KINDS["new_issue"], Way.DIGEST)
    tell(reader)
    tell(bob)
    make = digests._make

    def poisoned(planned):
        if planned.user == reader:
            raise IntegrityError("UNIQUE constraint failed")
        return make(planned)

    monkeypatch.setattr(digests, "_make", poisoned)
    eight_o_clock()

    assert [one.to for one in mail.outbox] == [[bob.email]]


def test_what_comes_by_digest_no_longer_is_not_planned_for_ever(reader, eight_o_clock):
    tell(reader)
    Preference.choose(reader, KINDS["new_issue"], Way.IN_APP)
    eight_o_clock()
    plan_forgotten()

    assert mail.outbox == []
    assert not DueDigest.objects.exists()


def test_two_workers_make_one(reader, drain):
    tell(reader)
    DueDigest.objects.update(due_at=timezone.now())

    assert sorted(at_once(make_due_digests, make_due_digests)) == [0, 1]
    drain()
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_told_while_one_is_made_comes_with_the_next(reader, drain):
    tell(reader, "First")
    DueDigest.objects.update(due_at=timezone.now())

    at_once(make_due_digests, lambda: tell(reader, "Second"))
    DueDigest.objects.update(due_at=timezone.now())
    drain()
    told = "".join(message.body for message in mail.outbox)
    assert (told.count("First"), told.count("Second")) == (1, 1)
