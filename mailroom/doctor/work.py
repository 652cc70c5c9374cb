"""Is the work being done, and what do the readers say of it?"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import mailers
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from mailroom.config.channels import channels, providers_of
from mailroom.delivery import breaker
from mailroom.doctor.connections import SMTP_MODULE
from mailroom.doctor.findings import Finding, Means, Status, examination
from mailroom.models import Delivery, Event, WorkerBeat
from mailroom.webhooks.providers import configured

SLOW, STUCK = timedelta(minutes=2), timedelta(minutes=15)
SKEW_SECONDS = 5
DAYS = 30
ENOUGH_FAILED, MANY_FAILED = 5, 0.05  # rows, and the share of them that is a fault
ENOUGH = 100  # sent mails before a rate means anything
# Google and Yahoo: spam below 0.1 %, never 0.3 %. Bounces: what providers suspend accounts for.
LIMITS = {Event.Kind.COMPLAINED: (0.001, 0.003), Event.Kind.HARD_BOUNCE: (0.02, 0.05)}


@examination("queue")
def examine_queue(means: Means) -> Iterator[Finding]:
    now = timezone.now()
    for channel in channels():
        if breaker.is_paused(channel):
            yield Finding("queue", channel, Status.WARNING, "all its providers are paused")
            continue
        due = Delivery.objects.due().filter(channel=channel)
        oldest = due.order_by("not_before").values_list("not_before", flat=True).first()
        yield _waiting(channel, now - oldest if oldest else timedelta())
    stuck = Delivery.objects.abandoned(now - timedelta(minutes=1)).count()
    status = Status.FAILED if stuck else Status.OK
    yield Finding("queue", "leases", status, f"{stuck} deliveries in flight without a worker")

    since = timezone.now() - timedelta(days=DAYS)
    ended = Delivery.objects.filter(finished_at__gt=since)
    states = dict(ended.order_by().values_list("state").annotate(Count("pk")))
    uncertain, lost = states.get("uncertain", 0), states.get("failed", 0)
    status = Status.WARNING if uncertain else Status.OK
    words = f"{uncertain} in {DAYS} days: a person must decide whether they were sent"
    yield Finding("queue", "uncertain", status, words)
    status = Status.WARNING if lost else Status.OK
    if lost >= ENOUGH_FAILED and lost > MANY_FAILED * (lost + states.get("sent", 0)):
        status = Status.FAILED
    words = f"{lost} in {DAYS} days, {states.get('sent', 0)} sent: their errors are in the admin"
    yield Finding("queue", "failed", status, words)


def _waiting(channel: str, age: timedelta) -> Finding:
    status = Status.FAILED if age > STUCK else Status.WARNING if age > SLOW else Status.OK
    words = (
        f"the oldest due email has waited for {age.total_seconds():.0f} s"
        if age
        else "nothing waits"
    )
    return Finding("queue", channel, status, words)


@examination("worker")
def worker(means: Means) -> Iterator[Finding]:
    alive = WorkerBeat.alive().count()
    words = f"{alive} running" if alive else "none is running: start manage.py worker"
    yield Finding("worker", "heartbeat", Status.OK if alive else Status.FAILED, words)
    skew = abs((_database_time() - timezone.now()).total_seconds())
    status = Status.OK if skew < SKEW_SECONDS else Status.FAILED
    yield Finding("worker", "clock", status, f"{skew:.0f} s from the database's")


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_TIMESTAMP")
        answer = cursor.fetchone()[0]
    if isinstance(answer, str):  # SQLite, which tells UTC in whole seconds
        answer = datetime.fromisoformat(answer)
    return answer if answer.tzinfo else answer.replace(tzinfo=timezone.get_default_timezone())


@examination("reputation")
def reputation(means: Means) -> Iterator[Finding]:
    """Complaints and hard bounces of the last month, against what providers bear."""
    since = timezone.now() - timedelta(days=DAYS)
    reporting = {channel for channel in channels() if _reports(channel)}
    for channel in channels():
        if channel not in reporting and any(_is_real(one) for one in providers_of(channel)):
            words = "nothing reports here: set up its webhook, or MAIL_BOUNCE_ADDRESS for SMTP"
            yield Finding("reputation", channel, Status.WARNING, words)
    went = Delivery.objects.filter(finished_at__gt=since, channel__in=reporting)
    sent = went.filter(state__in=["sent", "failed", "uncertain"]).count()
    for kind, (much, too_much) in LIMITS.items():
        if not reporting:
            yield Finding("reputation", kind.value, Status.SKIPPED, "nothing reports here")
            continue
        if sent < ENOUGH:
            words = f"{sent} emails in {DAYS} days are too few to judge"
            yield Finding("reputation", kind.value, Status.SKIPPED, words)
            continue
        events = Event.objects.filter(kind=kind, happened_at__gt=since)
        rate = events.values("address").distinct().count() / sent
        status = Status.OK
        if rate >= much:
            status = Status.FAILED if rate >= too_much else Status.WARNING
        words = f"{rate:.2%} of {sent} in {DAYS} days; {much:.1%} is much, {too_much:.1%} too much"
        yield Finding("reputation", kind.value, status, words)


def _reports(channel: str) -> bool:
    """True where each provider of a channel reports by a webhook, or its bounces are read."""
    real = [alias for alias in providers_of(channel) if _is_real(alias)]
    return bool(real) and all(
        bool(settings.MAIL_BOUNCE_ADDRESS)
        if _backend(alias).startswith(SMTP_MODULE)
        else _backend(alias).split(".")[2] in configured()
        for alias in real
    )


def _is_real(alias: str) -> bool:
    return _backend(alias).startswith((SMTP_MODULE, "anymail."))


def _backend(alias: str) -> str:
    entry = mailers.settings.get(alias, {})
    return str(entry.get("OPTIONS", {}).get("backend", entry.get("BACKEND", "")))
