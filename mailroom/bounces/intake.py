"""The one entry for incoming email: its reports are stored as events, as a webhook's are."""

import logging
from email import message_from_bytes
from enum import StrEnum

from django.utils import timezone

from mailroom.bounces.report import BounceReport, is_auto_reply, reports_in
from mailroom.models import Delivery, Event

logger = logging.getLogger(__name__)

PROVIDER = "Email"
# Bytes that are read of an email: reports come before the email they are about.
BYTES_READ = 256_000


class Result(StrEnum):
    """What an incoming email was."""

    STORED = "stored"
    AUTO_REPLY = "auto-reply"
    NO_REPORT = "no report about an email of this site"


def receive(raw: bytes) -> Result:
    """Store what an incoming email reports about a delivery of ours; repeating it changes nothing.

    raw: the email, of which the first 256 kB are read. Only Result.STORED may be removed from a
    mailbox. Raises DatabaseError where it could not be stored.
    """
    raw = raw[:BYTES_READ]
    try:
        reports, is_answer = reports_in(raw), is_auto_reply(message_from_bytes(raw))
    except Exception as error:  # noqa: BLE001  (strangers write it: it must stop no other email)
        logger.warning("An incoming email cannot be read: %s", type(error).__name__)
        return Result.NO_REPORT
    rows = [row for report in reports if (row := _event(report))]
    if rows:
        Event.objects.bulk_create(rows, ignore_conflicts=True)
        return Result.STORED
    return Result.AUTO_REPLY if is_answer else Result.NO_REPORT


def _event(report: BounceReport) -> Event | None:
    """The row of a report. Who it is about is the delivery's recipient, whatever the text says.

    A message to several visible recipients has one envelope sender: there the recipient that the
    report names counts, if it is one of them.
    """
    delivery = Delivery.objects.select_related("message").filter(pk=report.delivery).first()
    if delivery is None:
        return None
    if delivery.message.is_grouped and report.recipient:
        siblings = Delivery.objects.filter(message=delivery.message)
        delivery = siblings.of(report.recipient).first()
        if delivery is None:
            return None
    return Event(
        provider=PROVIDER,
        event_id=report.event_id,
        kind=report.kind,
        description=report.words.replace("\x00", "")[:2000],
        happened_at=report.at or timezone.now(),
        told_delivery=delivery.pk,
        is_signed=True,
    )
