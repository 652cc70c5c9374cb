"""The outbox in the admin: to look at, to search, and to send again what a person decides to."""

from mailroom.admin.delivery import DeliveryAdmin
from mailroom.admin.event import EventAdmin
from mailroom.admin.mail_account import MailAccountAdmin
from mailroom.admin.message import MessageAdmin
from mailroom.admin.suppression import SuppressionAdmin

__all__ = ["DeliveryAdmin", "EventAdmin", "MailAccountAdmin", "MessageAdmin", "SuppressionAdmin"]
