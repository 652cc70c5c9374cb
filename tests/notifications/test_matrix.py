"""Every kind, wish, circumstance and language: what stands in the app, and what is mailed."""

from datetime import timedelta
from itertools import product

import pytest
from django.core import mail
from django.utils import timezone

from mailroom.models import Delivery, Suppression
from notifications.digests import make_due_digests
from notifications.kinds import KINDS, Way
from notifications.models import DueDigest, Notification, Preference, Schedule
from notifications.notify import notify
from notifications.preferences import Circumstances, decide
from tests.notifications.conftest import confirm

PEOPLE = ("usual", "unverified", "suppressed", "paused", "inactive")
LANGUAGES = ("en", "fr", "pa")
DATA = {"title": "We moved", "newsletter": "Weekly", "subject": "First", "reason": "bounces."}


def expected(kind, wish: Way, who: str) -> tuple[int, int, int]:
    """In-app rows, mails at once, mails by digest: written down apart from the code."""
    if who == "inactive":
        return 0, 0, 0
    if kind.required:
        at_once = kind.key == "sign_in"
        # A complaint or a pause stops no required mail; only a proven address gets any.
        return 1, int(at_once and who != "unverified"), 0
    if wish is Way.OFF:
        return 0, 0, 0
    if who != "usual":
        return 1, 0, 0
    by_mail = wish is Way.INSTANT and bool(kind.message_type)
    return 1, int(by_mail), int(wish is Way.DIGEST)


@pytest.fixture
def everyone(django_user_model) -> dict[str, list]:
    """For each wish, a user in each circumstance and language: 60 of them."""
    found: dict[str, list] = {}
    for wish, who, language in product(Way, PEOPLE, LANGUAGES):
        user = django_user_model(
            email=f"{wish.value}-{who}-{language}@example.com",
            language=language,
            is_active=who != "inactive",
            is_staff=True,
        )
        found.setdefault(wish.value, []).append(user)
    users = django_user_model.objects.bulk_create(
        [user for some in found.values() for user in some]
    )
    confirm([user for user in users if "-unverified-" not in user.email])
    tomorrow = timezone.now().date() + timedelta(days=2)
    Schedule.objects.bulk_create(
        Schedule(user=user, paused_until=tomorrow) for user in users if "-paused-" in user.email
    )
    Suppression.objects.bulk_create(
        Suppression(address=user.email, reason="complained")
        for user in users
        if "-suppressed-" in user.email
    )
    return found


@pytest.mark.parametrize("key", KINDS)
def test_each_gets_what_the_table_says(key, everyone, draft, drain):
    kind, users = KINDS[key], [user for some in everyone.values() for user in some]
    for wish, some in everyone.items():
        Preference.objects.bulk_create(
            Preference(user=user, kind=key, delivery=wish) for user in some
        )

    notify(users, key, **{**DATA, **draft.values()})
    drain()
    at_once = list(mail.outbox)
    mail.outbox.clear()
    DueDigest.objects.update(due_at=timezone.now())
    drain()
    by_digest = list(mail.outbox)

    for wish, some in everyone.items():
        for user in some:
            who = user.email.split("-")[-2]
            got = (
                Notification.objects.filter(recipient=user, kind=key).count(),
                sum(message.to == [user.email] for message in at_once),
                sum(message.to == [user.email] for message in by_digest),
            )
            assert got == expected(kind, Way(wish), who), user.email
    for message in at_once + by_digest:
        language = message.to[0].split("@")[0].rpartition("-")[2]
        assert f'<html lang="{language}"' in message.alternatives[0].content
    channels = Delivery.objects.values_list("channel", flat=True)
    assert set(channels) <= {"notifications"}


def test_a_wish_that_a_kind_no_longer_offers_is_its_default():
    quiet = KINDS["new_issue"]
    assert decide(quiet, Circumstances(wish="instant", address="a@b.c")) is Way.IN_APP
    assert decide(quiet, Circumstances(wish="by pigeon", address="a@b.c")) is Way.IN_APP


def test_what_is_paused_for_the_digest_comes_after_the_pause(ann, drain):
    Preference.choose(ann, KINDS["new_issue"], Way.DIGEST)
    Schedule.objects.create(user=ann, paused_until=timezone.now().date() + timedelta(days=3))
    notify(ann, "new_issue", **DATA)
    assert DueDigest.objects.get().due_at > timezone.now() + timedelta(days=2)
    make_due_digests()
    drain()
    assert mail.outbox == []
