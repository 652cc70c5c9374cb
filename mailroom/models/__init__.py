"""The outbox: what is to be sent, to whom, what became of it, and what providers said later."""

from mailroom.models.attempt import Attempt
from mailroom.models.count import OutcomeCount
from mailroom.models.daily_count import DailyCount, DailyLimit
from mailroom.models.delivery import Delivery
from mailroom.models.event import Event
from mailroom.models.health import MailerHealth
from mailroom.models.mail_account import MailAccount
from mailroom.models.message import Message
from mailroom.models.pace import ChannelPace
from mailroom.models.suppression import Suppression
from mailroom.models.worker import ClockLease, WorkerBeat

__all__ = [
    "Attempt",
    "ChannelPace",
    "ClockLease",
    "DailyCount",
    "DailyLimit",
    "Delivery",
    "Event",
    "MailAccount",
    "MailerHealth",
    "Message",
    "OutcomeCount",
    "Suppression",
    "WorkerBeat",
]
