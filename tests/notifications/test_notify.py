"""The one door: who is told, and how."""

import pytest
from django.contrib.auth import get_user_model
from django.core import mail

from mailroom.models import Delivery
from notifications.checks import every_kind_is_whole
from notifications.kinds import KINDS, NotificationKind, Way, kind_of
from notifications.models import Notification, Preference
from notifications.notify import notify

LOUD, QUIET = KINDS["announcement"], KINDS["new_issue"]


def announce(recipients, draft, **extra) -> int:
    return notify(recipients, "announcement", **draft.values(), **extra)


class TestWhoIsTold:
    def test_one_user(self, ann, bob):
        assert notify(ann, "new_issue", newsletter="Weekly", subject="First") == 1
        told = Notification.objects.get()
        assert (told.recipient, told.kind) == (ann, "new_issue")
        assert told.data == {"newsletter": "Weekly", "subject": "First"}

    @pytest.mark.parametrize("kind_of_collection", [list, tuple, iter, set])
    def test_several(self, ann, bob, kind_of_collection):
        assert notify(kind_of_collection([ann, bob]), "new_issue") == 2

    def test_a_queryset(self, ann, bob):
        assert notify(get_user_model().objects.all(), "new_issue") == 2

    def test_nobody(self, db):
        assert notify(get_user_model().objects.none(), "new_issue") == 0

    def test_more_than_a_batch_in_few_queries(self, django_assert_max_num_queries):
        users = [get_user_model()(email=f"p{n}@example.com") for n in range(1100)]
        get_user_model().objects.bulk_create(users)
        with django_assert_max_num_queries(40):
            assert notify(get_user_model().objects.all(), "new_issue") == 1100

    def test_not_those_whose_account_is_switched_off(self, person):
        assert notify(person("off@example.com", is_active=False), "security") == 0

    def test_an_unknown_kind_is_named(self, ann):
        with pytest.raises(LookupError, match=r"'gossip'; known: security"):
            notify(ann, "gossip")

    def test_actor_and_target_are_kept(self, ann, bob, draft):
        notify(ann, "new_issue", actor=bob, target="/newsletters/")
        told = Notification.objects.get()
        assert (told.actor, told.get_absolute_url()) == ("Bob", "/newsletters/")


class TestDeduplication:
    def test_an_event_is_told_once(self, ann, bob, draft, drain):
        assert announce([ann], draft, dedupe_key="moved") == 1
        assert announce([ann, bob], draft, dedupe_key="moved") == 1
        drain()
        assert [message.to for message in mail.outbox] == [[ann.email], [bob.email]]

    def test_without_a_key_it_is_told_again(self, ann):
        notify(ann, "new_issue")
        notify(ann, "new_issue")
        assert Notification.objects.count() == 2

    def test_one_key_in_two_kinds_is_two_events(self, ann):
        notify(ann, "new_issue", dedupe_key="1")
        notify(ann, "security", dedupe_key="1")
        assert Notification.objects.count() == 2

    def test_what_another_process_told_meanwhile_is_not_mailed_again(
        self, ann, draft, drain, monkeypatch
    ):
        """The other one commits between our look and our write."""
        manager = type(Notification.objects)
        real = manager.bulk_create

        def other_first(self, rows, **options):
            monkeypatch.undo()
            announce(ann, draft, dedupe_key="moved")
            return real(self, rows, **options)

        monkeypatch.setattr(manager, "bulk_create", other_first)
        announce(ann, draft, dedupe_key="moved")
        drain()
        assert len(mail.outbox) == 1


class TestMail:
    def test_goes_where_the_kind_says_so(self, ann, draft, drain):
        announce(ann, draft)
        notify(ann, "new_issue")
        notify(ann, "security")
        drain()
        assert [message.subject for message in mail.outbox] == ["We moved"]
        assert Notification.objects.exclude(mailed_at=None).get().kind == "announcement"

    @pytest.mark.parametrize(
        ("wish", "told"),
        [(Way.INSTANT, (1, 1)), (Way.IN_APP, (1, 0)), (Way.OFF, (0, 0))],
    )
    def test_and_the_preference(self, ann, draft, drain, wish, told):
        Preference.choose(ann, LOUD, wish)
        announce(ann, draft)
        drain()
        assert (Notification.objects.count(), len(mail.outbox)) == told

    def test_goes_to_confirmed_addresses_only(self, person, draft, drain):
        announce(person("new@example.com", verified=False), draft)
        drain()
        assert mail.outbox == []
        assert Notification.objects.get().mailed_at is None

    def test_is_bulk_and_goes_by_its_channel(self, ann, draft):
        announce(ann, draft)
        delivery = Delivery.objects.get()
        assert delivery.channel == "notifications"
        assert delivery.message.is_bulk

    def test_row_and_mail_are_written_together_or_not(self, ann, draft, monkeypatch):
        monkeypatch.setattr("notifications.notify.add_deliveries", explode)
        with pytest.raises(RuntimeError):
            announce(ann, draft)
        assert not Notification.objects.exists()


def explode(*args, **kwargs) -> None:
    raise RuntimeError("the disk is full")


class TestPreferences:
    def test_security_cannot_be_switched_off(self, ann):
        Preference.objects.create(user=ann, kind="security", delivery=Way.OFF)
        assert notify(ann, "security") == 1
        Preference.choose(ann, KINDS["security"], Way.OFF)
        assert not Preference.objects.exists()

    def test_the_default_needs_no_row(self, ann):
        Preference.choose(ann, QUIET, Way.OFF)
        Preference.choose(ann, QUIET, QUIET.default)
        assert not Preference.objects.exists()


class TestCheck:
    def test_passes(self):
        assert every_kind_is_whole(None) == []

    def test_names_what_is_missing(self, monkeypatch):
        kind = NotificationKind(key="odd", label="", explanation="", default=Way.INSTANT)
        monkeypatch.setitem(KINDS, "odd", kind)
        assert [fault.id for fault in every_kind_is_whole(None)] == [
            "notifications.E001",
            "notifications.E002",
        ]

    def test_a_kind_is_found_by_name(self):
        assert kind_of("security").required
