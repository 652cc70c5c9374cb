"""Digests: what was told since the last one, in one mail, at the reader's own hour.

The row of DueDigest is the queue. It goes in the transaction that puts the mail into the outbox and
marks what the mail tells: a worker that dies with it leaves all three as they were.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.tasks import task
from django.utils import timezone
from django.utils.functional import Promise

from mailroom.models import Delivery
from mailroom.models.queries import locked
from mailroom.outbox import Recipient, add_deliveries, freeze
from mailroom.outcomes import is_database_away
from notifications import emails
from notifications.kinds import KINDS, NotificationKind, Way
from notifications.models import DueDigest, Notification, Schedule
from notifications.preferences import UNWANTED, wants
from notifications.tokens import DIGEST

logger = logging.getLogger(__name__)

LINES = 50  # in one digest; the inbox has the rest
RETRY_AFTER = timedelta(hours=1)  # what fails is tried again, and holds up nobody else


@dataclass
class DigestGroup:
    """Several notifications with one batch key; title: what they have in common, "" for nothing."""

    title: str
    lines: list[Notification]


@dataclass
class DigestSection:
    label: str | Promise
    groups: list[DigestGroup]


@task()
def make_digests() -> None:
    make_due_digests()


def make_due_digests() -> int:
    """Make every digest whose time has come; how many mails that were."""
    now, made = timezone.now(), 0
    while (done := _make_next(now)) is not None:
        made += done
    return made


def _make_next(now: datetime) -> int | None:
    """Claim one and make it: 1 for a mail, 0 where there was nothing to tell, None at the end."""
    planned = None
    try:
        with transaction.atomic(durable=True):
            planned = locked(DueDigest.objects.due(now)).first()
            return None if planned is None else _make(planned)
    except Exception as error:
        if planned is None or is_database_away(error):
            raise
        logger.exception("The digest of user %s failed.", planned.user_id)
        DueDigest.objects.filter(pk=planned.pk).update(due_at=timezone.now() + RETRY_AFTER)
        return 0


def _make(planned: DueDigest) -> int:
    user = planned.user
    schedule = Schedule.of(user)
    if schedule.is_paused(timezone.now()):
        DueDigest.objects.replan(user)
        return 0
    DueDigest.objects.filter(pk=planned.pk).delete()  # by its number, which the object keeps
    address = _address(user)
    kinds = _kinds(user) if address else []
    # What can't be told by digest any more waits for none, or a digest would be planned for ever.
    Notification.objects.awaiting_digest(user).exclude(kind__in=kinds).update(by_digest=False)
    waiting = Notification.objects.for_digest(user, kinds)
    newest = list(waiting[: LINES + 1])
    if not newest:
        return 0
    _mail(user, address, newest[:LINES], waiting.count() - LINES if newest[LINES:] else 0)
    waiting.filter(pk__lte=newest[0].pk).update(mailed_at=timezone.now())
    return 1


def _address(user: Any) -> str:
    known = EmailAddress.objects.filter(user=user, verified=True, primary=True)
    return (user.is_active and known.values_list("email", flat=True).first()) or ""


def _kinds(user: Any) -> list[str]:
    """The kinds that the user wants by digest now: a choice may have changed meanwhile."""
    return [key for key, wish in wants(user).items() if wish is Way.DIGEST]


def _mail(user: Any, address: str, rows: Sequence[Notification], more: int) -> None:
    message = freeze(emails.digest(user.language, sections(rows), more))
    values = {"kind": DIGEST, "user": user.pk}
    add_deliveries(message, [Recipient(address, values=values)])


def sections(rows: Sequence[Notification]) -> list[DigestSection]:
    """Notifications by kind, in the order of the kinds, and within one by batch key."""
    found: dict[str, dict[str, list[Notification]]] = defaultdict(lambda: defaultdict(list))
    for one in rows:
        found[one.kind][one.batch_key].append(one)
    return [_section(kind, found[key]) for key, kind in KINDS.items() if key in found]


def _section(kind: NotificationKind, groups: dict[str, list[Notification]]) -> DigestSection:
    return DigestSection(kind.label, [DigestGroup(title, lines) for title, lines in groups.items()])


def plan_forgotten(limit: int = 1000) -> None:
    """Plan the digests of people who have something waiting and no plan."""
    waiting = Notification.objects.unread().filter(by_digest=True, mailed_at=None)
    own = waiting.filter(recipient=OuterRef("pk"))
    planned = DueDigest.objects.filter(user=OuterRef("pk"))
    people = get_user_model().objects.filter(Exists(own), ~Exists(planned), is_active=True)
    DueDigest.objects.plan(islice(people.order_by("pk").iterator(), limit))


def skip_reasons(deliveries: list[Delivery]) -> dict[int, str]:
    """Which digests must not be sent any more, asked a tenth of a second before at most."""
    users = [one.values["user"] for one in deliveries]
    active = set(
        get_user_model().objects.filter(pk__in=users, is_active=True).values_list("pk", flat=True)
    )
    pausing = Schedule.objects.filter(user__in=users, paused_until__isnull=False)
    now = timezone.now()
    quiet = {row.user_id for row in pausing.select_related("user") if row.is_paused(now)}
    return {one.pk: UNWANTED for one in deliveries if one.values["user"] not in active - quiet}
