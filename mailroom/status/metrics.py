"""`/metrics`: queue, outcomes, breakers and workers in the Prometheus text format."""

import hmac
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from mailroom.config.channels import channels
from mailroom.models import Delivery, MailerHealth, OutcomeCount, WorkerBeat
from mailroom.status.overview import waiting

ROUTES = 100  # of a channel that are looked at: one for each mail account with email in the queue


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers, for who sends `Authorization: Bearer METRICS_TOKEN`; 404 where none is set."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        headers = {"WWW-Authenticate": "Bearer"}
        return HttpResponse("The token is missing or wrong.\n", "text/plain", 401, headers=headers)
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4, headers=headers)


class DatabaseCollector(Collector):
    """Reads the numbers of all processes from the database. No query grows with what was sent."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: registering would run the queries otherwise."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from _queue()
        yield _outcomes()
        yield _breakers()
        yield from _workers()


def _queue() -> Iterator[GaugeMetricFamily]:
    text = "Emails in the queue and not on hold; 10001 for any number above 10000"
    size = GaugeMetricFamily("mailroom_queue_size", text, labels=["channel"])
    text = "Seconds that the email due longest has been due; 0 for none"
    age = GaugeMetricFamily("mailroom_queue_age_seconds", text, labels=["channel"])
    for channel in channels():
        size.add_metric([channel], waiting(channel))
        due = min(_due_since(channel), default=None)
        seconds = (timezone.now() - due).total_seconds() if due else 0
        age.add_metric([channel], max(0, seconds))
    yield from (size, age)


def _due_since(channel: str) -> Iterator[datetime]:
    """Since when the first row of each route is due. Index look-ups, however long the queue is."""
    due = Delivery.objects.due().filter(channel=channel)
    row = due.order_by("route", "not_before").values_list("route", "not_before").first()
    for _ in range(ROUTES):
        if row is None:
            return
        route, not_before = row
        yield not_before
        rest = due.filter(route__gt=route).order_by("route", "not_before")
        row = rest.values_list("route", "not_before").first()


def _outcomes() -> GaugeMetricFamily:
    text = "Deliveries by outcome, from the beginning; one that is corrected changes its outcome"
    labels = ["channel", "provider", "outcome"]
    found = GaugeMetricFamily("mailroom_deliveries", text, labels=labels)
    for key, number in OutcomeCount.objects.totals("channel", "alias", "state").items():
        found.add_metric(list(map(str, key)), number)
    return found


def _breakers() -> GaugeMetricFamily:
    text = "1 while a provider gets no email after failures, 0.5 while it is tried, 0 otherwise"
    found = GaugeMetricFamily("mailroom_breaker_open", text, labels=["provider"])
    values = {MailerHealth.State.OPEN.value: 1.0, MailerHealth.State.HALF_OPEN.value: 0.5}
    states = dict(MailerHealth.objects.values_list("alias", "state"))
    for alias in sorted({*settings.MAILER_URLS, *states}):
        found.add_metric([alias], values.get(states.get(alias, ""), 0))
    return found


def _workers() -> Iterator[GaugeMetricFamily]:
    alive = WorkerBeat.alive()
    yield GaugeMetricFamily("mailroom_workers", "Workers that are alive", value=alive.count())
    last = WorkerBeat.objects.aggregate(last=Max("beat_at"))["last"]
    text = "Unix time of the last sign of life of any worker; 0 for none"
    seconds = last.timestamp() if last else 0
    yield GaugeMetricFamily("mailroom_worker_heartbeat_timestamp_seconds", text, value=seconds)
