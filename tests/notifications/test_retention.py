"""How long notifications are kept, and how their reader takes them along."""

from datetime import timedelta

from django.utils import timezone

from notifications.kinds import KINDS, Way
from notifications.models import DueDigest, Notification, Preference, Schedule
from notifications.notify import notify
from notifications.retention import forget_old_notifications


def test_what_was_read_long_ago_goes_and_what_is_unread_stays(ann, settings):
    settings.NOTIFICATION_RETENTION_DAYS = 30
    now = timezone.now()
    for days in (31, 29, None):
        read = days and now - timedelta(days=days)
        old = now - timedelta(days=400)
        Notification.objects.create(recipient=ann, kind="security", read_at=read, created_at=old)
    forget_old_notifications()
    left = Notification.objects.order_by("pk").values_list("read_at", flat=True)
    assert list(left) == [now - timedelta(days=29), None]


def test_a_reader_takes_everything_along_and_nothing_of_others(inside, ann, bob):
    notify([ann, bob], "new_issue", newsletter="Weekly", subject="First")
    Preference.choose(ann, KINDS["new_issue"], Way.DIGEST)
    Schedule.objects.create(user=ann, every="week", weekday=4)
    response = inside.get("/notifications/export/")
    assert "attachment" in response["Content-Disposition"]
    found = response.json()
    assert found["preferences"] == {"new_issue": "digest"}
    assert (found["digest"]["every"], found["digest"]["weekday"]) == ("week", 4)
    assert [row["data"]["subject"] for row in found["notifications"]] == ["First"]


def test_all_goes_with_the_account(ann):
    Preference.choose(ann, KINDS["new_issue"], Way.DIGEST)
    Schedule.objects.create(user=ann, hour=3)
    notify(ann, "new_issue")
    ann.delete()
    for model in (Notification, Preference, Schedule, DueDigest):
        assert not model.objects.exists()
