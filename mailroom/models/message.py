"""The content of a mail, frozen when it was queued."""

import uuid

from django.db import models
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from mailroom.addresses import domain_of
from mailroom.message_types import MessageType, type_or_untyped

UNFINISHED = ["queued", "sending"]  # states of a delivery that may still be sent by itself


class MessageQuerySet(models.QuerySet["Message"]):
    """Named questions about messages."""

    def finished(self) -> "MessageQuerySet":
        """Messages none of whose deliveries may still be sent by itself."""
        return self.exclude(deliveries__state__in=UNFINISHED)

    def held(self) -> "MessageQuerySet":
        """Messages that are paused: nothing of them is claimed until they are released."""
        return self.filter(held_at__isnull=False)

    def stopped(self) -> "MessageQuerySet":
        """Messages of which nothing may go out now: paused, or cancelled for good."""
        return self.filter(Q(held_at__isnull=False) | ~Q(cancel_reason=""))


class Message(models.Model):
    """What is sent: one row for a password reset, one for an issue with 100,000 deliveries.

    A *grouped* message has several visible recipients (To, Cc) and is one call to a provider; any
    other is addressed to each of its deliveries alone.
    """

    uid = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    type = models.CharField(_("type"), max_length=100, blank=True)
    channel = models.CharField(_("channel"), max_length=50)
    # The alias that a router or a mail account chose. Empty: the channel's own mailer, or each
    # delivery has a route of its own.
    route = models.CharField(_("route"), max_length=200, blank=True, default="", db_default="")
    owner = models.CharField(_("owner"), max_length=100, blank=True, default="", db_default="")
    is_bulk = models.BooleanField(_("bulk"), default=False)
    is_secret = models.BooleanField(_("erased when sent"), default=False)
    is_grouped = models.BooleanField(default=False)
    subject = models.TextField(_("subject"), blank=True)
    body = models.TextField(_("text"), blank=True)
    from_email = models.TextField(_("from"))
    to = models.JSONField(default=list, blank=True)
    cc = models.JSONField(default=list, blank=True)
    bcc = models.JSONField(default=list, blank=True)
    reply_to = models.JSONField(default=list, blank=True)
    headers = models.JSONField(default=dict, blank=True)
    # Alternatives, attachments, subtype, encoding and Anymail's extras: see messages.serializers.
    content = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(_("queued at"), default=timezone.now, editable=False)
    erased_at = models.DateTimeField(_("erased at"), null=True, blank=True, editable=False)
    # Paused since then: nothing of it is sent until it is released. See mailroom.outbox.control.
    held_at = models.DateTimeField(_("on hold since"), null=True, blank=True, editable=False)
    released_at = models.DateTimeField(null=True, editable=False)
    # Set where the rest was cancelled: a row that was in flight then is not tried again.
    cancel_reason = models.CharField(
        _("cancelled because"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
        editable=False,
    )

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            models.Index(fields=["channel", "-created_at"], name="message_by_channel"),
            models.Index(fields=["created_at"], name="message_by_age"),
            models.Index(
                fields=["held_at"], name="message_on_hold", condition=Q(held_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type or self.channel} {self.pk}"

    @property
    def type_entry(self) -> MessageType:
        """This message's entry in the table of types."""
        return type_or_untyped(self.type, self.channel)

    @cached_property
    def own_message_id(self) -> str:
        """The Message-ID that the caller set, "" for none; one that is not ASCII is not one."""
        given = {name.lower(): str(value) for name, value in self.headers.items()}
        own = given.get("message-id", "").strip()
        return own if own.isascii() else ""

    @cached_property
    def id_right(self) -> str:
        """What the Message-IDs of all deliveries have in common."""
        domain = domain_of(self.from_email) or "localhost"
        return f"{self.uid.hex}@{domain}"

    def progress(self) -> dict[str, int]:
        """How many deliveries are in each state, in one query; states without any are left out."""
        counted = self.deliveries.order_by().values_list("state").annotate(Count("pk"))
        return dict(counted)

    def erase(self) -> None:
        """Forget the content, which has done its work; who got it and when stays."""
        self.body, self.content, self.erased_at = "", {}, timezone.now()
        self.save(update_fields=["body", "content", "erased_at"])
