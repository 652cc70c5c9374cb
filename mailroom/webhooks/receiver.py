"""The one receiver of Anymail's tracking signal: an event becomes a row, and no more than that."""

from typing import Any

from anymail.signals import AnymailTrackingEvent, tracking

from mailroom.models import Event
from mailroom.webhooks.reading import read


def keep(sender: object, event: AnymailTrackingEvent, esp_name: str, **kwargs: Any) -> None:
    """Keep an event once, however often it is posted. What follows from it is a worker's work."""
    if row := read(event, esp_name):
        Event.objects.bulk_create([row], ignore_conflicts=True)


def connect() -> None:
    tracking.connect(keep, dispatch_uid="mailroom-keep-event")
