"""The demo's past, relative to now: an issue of last week with its report, and a failover."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from home.demo.content import CONSENT
from mailroom.config.channels import channel_options, providers_of
from mailroom.models import Attempt, Delivery, Event, Message, OutcomeCount, Suppression
from mailroom.models.count import hour_of
from newsletters.models import Issue, Newsletter, Subscription
from notifications.models import Notification

DEMO_MARK = "demo-past"  # in a column of every row that remove() takes away again
SLUG = "why-emails-bounce"
UIDS = [uuid5(NAMESPACE_URL, f"{DEMO_MARK}:{name}") for name in ("issue", "reset")]
WEEKS_OF_GROWTH = 8
State, Feedback, Kind = Delivery.State, Delivery.Feedback, Event.Kind

PAST_ISSUE = """\
# Why emails bounce

Hello {name},

an email bounces permanently when its address does not exist, and temporarily when the mailbox is
full.
Anyone who keeps writing to dead addresses is soon treated as a spammer.
"""
# Who did not just get last week's issue: address, what became of it, what the provider said.
EXCEPTIONS = [
    ("gone@example.com", Feedback.BOUNCED, Kind.HARD_BOUNCE, "550 5.1.1 No such user"),
    ("moved-away@example.com", Feedback.BOUNCED, Kind.HARD_BOUNCE, "550 5.1.6 Mailbox has moved"),
    ("full-mailbox@example.com", Feedback.BOUNCED, Kind.SOFT_BOUNCE, "552 5.2.2 Mailbox is full"),
    ("not-for-me@example.com", Feedback.COMPLAINED, Kind.COMPLAINED, "Marked as spam"),
    ("has-left@example.com", Feedback.DELIVERED, Kind.DELIVERED, "250 2.0.0 OK"),
]
SKIPPED = "left-out@example.com"
# Subscribers of the issue that waits, to whom the sandbox lets something happen. A fifth of them is
# reached through Mailgun, which reports it: enough that there is always one.
BOUNCING, COMPLAINING = 8, 24


@transaction.atomic
def make_past(newsletter: Newsletter, admin: User, reader: User) -> None:
    """Make the past, once: nothing changes where it is there."""
    if Message.objects.filter(uid__in=UIDS).exists():
        return
    now = timezone.now()
    _growth(newsletter, now)
    _mailboxes(newsletter, now - timedelta(days=3))
    published = now - timedelta(days=7)
    issue = _issue(newsletter, admin, published)
    _failover(admin, reader, _last_tuesday(now))
    _count(Delivery.objects.filter(message__uid__in=UIDS), 1)
    Notification.objects.create(
        recipient=reader,
        kind="new_issue",
        data={"newsletter": str(newsletter), "subject": issue.subject},
        target_url=issue.get_absolute_url(),
        dedupe_key=DEMO_MARK,
        created_at=published,
    )


@transaction.atomic
def remove() -> None:
    """Remove what make() added, and nothing else."""
    _count(Delivery.objects.filter(message__uid__in=UIDS), -1)
    Issue.objects.filter(message__uid=UIDS[0]).delete()
    Event.objects.filter(event_id__startswith=DEMO_MARK).delete()
    Message.objects.filter(uid__in=UIDS).delete()
    Suppression.objects.filter(note=DEMO_MARK).delete()
    Notification.objects.filter(dedupe_key__startswith=DEMO_MARK).delete()
    Subscription.objects.filter(consent_source=DEMO_MARK).delete()


def _count(rows: Iterable[Delivery], each: int) -> None:
    """Add `each` to the kept counts for every delivery that has ended."""
    by_hour: dict[datetime, Counter[tuple[str, str, str]]] = {}
    for row in rows:
        if row.finished_at:
            by_hour.setdefault(hour_of(row.finished_at), Counter())[row.counted_as] += each
    for hour, numbers in by_hour.items():
        OutcomeCount.add(numbers, at=hour)


def _growth(newsletter: Newsletter, now: datetime) -> None:
    """The imported subscribers joined one after the other, over weeks."""
    rows = list(newsletter.subscriptions.filter(consent_wording=CONSENT).order_by("pk"))
    for number, row in enumerate(rows, start=1):
        ago = timedelta(weeks=WEEKS_OF_GROWTH) * (1 - number / len(rows)) + timedelta(days=8)
        row.created_at = row.confirmed_at = row.consent_at = now - ago
    Subscription.objects.bulk_update(rows, ["created_at", "confirmed_at", "consent_at"])


def _mailboxes(newsletter: Newsletter, joined: datetime) -> None:
    """Subscribers who joined after last week's issue, and whose mailboxes bounce or complain."""
    personas = [("bounce", BOUNCING), ("complaint", COMPLAINING)]
    newsletter.subscriptions.bulk_create(
        [
            Subscription(
                newsletter=newsletter,
                email=f"{name}+{number}@example.com",
                state=Subscription.State.CONFIRMED,
                created_at=joined,
                confirmed_at=joined,
                consent_at=joined,
                consent_source=DEMO_MARK,
            )
            for name, count in personas
            for number in range(1, count + 1)
        ],
        ignore_conflicts=True,
    )


def _issue(newsletter: Newsletter, author: User, at: datetime) -> Issue:
    options = channel_options("newsletters")
    message = Message.objects.create(
        uid=UIDS[0],
        type="newsletters.issue",
        channel="newsletters",
        is_bulk=True,
        subject="Why emails bounce",
        body=PAST_ISSUE,
        from_email=options.from_email,
        created_at=at,
    )
    done = at + timedelta(seconds=12)
    issue = Issue.objects.create(
        newsletter=newsletter,
        slug=SLUG,
        subject="Why emails bounce",
        body=PAST_ISSUE,
        author=author,
        state=Issue.State.SENT,
        message=message,
        publish_at=at,
        published_at=at,
        queued_at=at,
        sent_at=done,
    )
    joined = at - timedelta(weeks=WEEKS_OF_GROWTH)
    strangers = [SKIPPED, *(address for address, *_ in EXCEPTIONS)]
    known = set(newsletter.subscriptions.values_list("email", flat=True))
    newsletter.subscriptions.bulk_create(
        Subscription(
            newsletter=newsletter,
            email=address,
            state=Subscription.State.CONFIRMED,
            confirmed_at=joined,
            consent_at=joined,
            consent_source=DEMO_MARK,
        )
        for address in strangers
        if address not in known
    )
    aliases = list(providers_of(options.via))
    confirmed = newsletter.subscriptions.confirmed().filter(consent_wording=CONSENT)
    addresses = [address for address, *_ in EXCEPTIONS]
    addresses += confirmed.values_list("email", flat=True)
    rows = [_sent(message, one, aliases, n, at) for n, one in enumerate(addresses)]
    rows.append(_skipped(message, at))
    made = {row.address: row for row in Delivery.objects.bulk_create(rows)}
    _reports(made, aliases, done)
    newsletter.subscriptions.filter(email="has-left@example.com").update(
        left_by=made["has-left@example.com"], unsubscribed_at=at + timedelta(hours=3)
    )
    return issue


def _sent(
    message: Message, address: str, aliases: list[str], number: int, at: datetime
) -> Delivery:
    """A delivery that was accepted: one in five by the last provider, which reports back."""
    reports = number % 5 == 0 or number < len(EXCEPTIONS)
    return Delivery(
        message=message,
        channel=message.channel,
        address=address,
        state=State.SENT,
        attempts=1,
        created_at=at,
        not_before=at,
        finished_at=at + timedelta(milliseconds=50 * number),
        alias=aliases[-1] if reports else aliases[0],
        provider_id=f"{DEMO_MARK}-{number}",
        feedback=Feedback.DELIVERED if reports else "",
    )


def _skipped(message: Message, at: datetime) -> Delivery:
    Suppression.objects.get_or_create(
        address=SKIPPED,
        channel="",
        defaults={"reason": "manual", "note": DEMO_MARK, "created_at": at},
    )
    return Delivery(
        message=message,
        channel=message.channel,
        address=SKIPPED,
        state=State.SKIPPED,
        reason="suppressed",
        created_at=at,
        not_before=at,
        finished_at=at,
    )


def _reports(made: dict[str, Delivery], aliases: list[str], at: datetime) -> None:
    """What the provider reported, and the suppressions that came of it."""
    for number, (address, feedback, kind, words) in enumerate(EXCEPTIONS):
        row, when = made[address], at + timedelta(minutes=number + 1)
        row.feedback = feedback
        row.save(update_fields=["feedback"])
        Event.objects.create(
            provider=aliases[-1].partition(":")[0].title(),
            event_id=f"{DEMO_MARK}-{number}",
            kind=kind,
            delivery=row,
            address=address,
            description=words,
            happened_at=when,
            received_at=when,
            look_at=when,
            handled_at=when,
        )
        reasons = {Kind.HARD_BOUNCE: ("bounced", ""), Kind.COMPLAINED: ("complained", row.channel)}
        if found := reasons.get(kind):
            Suppression.objects.get_or_create(
                address=address,
                channel=found[1],
                defaults={
                    "reason": found[0],
                    "evidence": words,
                    "note": DEMO_MARK,
                    "created_at": when,
                },
            )


def _failover(admin: User, reader: User, at: datetime) -> None:
    """A password reset that the first provider refused and the second one took."""
    options = channel_options("password_reset")
    first, *_, second = [*providers_of(options.via)] * 2
    message = Message.objects.create(
        uid=UIDS[1],
        type="accounts.password_reset",
        channel="password_reset",
        is_secret=True,
        subject="Set a new password",
        from_email=options.from_email,
        to=[reader.email],
        created_at=at,
        erased_at=at,
    )
    row = Delivery.objects.create(
        message=message,
        channel=message.channel,
        address=reader.email,
        state=State.SENT,
        attempts=2,
        created_at=at,
        not_before=at,
        finished_at=at + timedelta(seconds=1),
        alias=second,
    )
    error = f"{first}: 503 Service unavailable"
    refused = Attempt.Outcome.REFUSED
    Attempt.objects.create(delivery=row, alias=first, outcome=refused, error=error, at=at)
    events = [("opened", 0), ("failed_over", 0), ("closed", 14)]  # minutes later
    Notification.objects.bulk_create(
        Notification(
            recipient=admin,
            kind="mailer",
            data={"event": event, "alias": first, "carried_by": second},
            target_url=reverse("mail_status"),
            dedupe_key=f"{DEMO_MARK}-{event}",
            created_at=at + timedelta(minutes=later),
            read_at=at + timedelta(hours=1),
        )
        for event, later in events
    )


def _last_tuesday(now: datetime) -> datetime:
    days = (now.weekday() - 1) % 7 or 7
    return (now - timedelta(days=days)).replace(hour=9, minute=12, second=30, microsecond=0)
