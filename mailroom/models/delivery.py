"""One recipient of one message, and what became of it. The row is the queue."""

from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailroom.addresses import AddressField
from mailroom.models.message import UNFINISHED, Message
from mailroom.models.queries import database_now, update_returning

# The columns of a row that no worker is sending.
NOT_IN_FLIGHT: dict[str, Any] = {"holder": "", "leased_until": None}


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Named questions about deliveries."""

    def queued(self) -> "DeliveryQuerySet":
        return self.filter(state=Delivery.State.QUEUED)

    def due(self, now: datetime | None = None) -> "DeliveryQuerySet":
        """Queued, not on hold, and their time has come."""
        return self.sendable().filter(not_before__lte=now or timezone.now())

    def sendable(self) -> "DeliveryQuerySet":
        """Queued and not on hold, now or later."""
        # Not a join, for which PostgreSQL may sort a whole queue to find the first rows of it.
        return self.queued().exclude(message__in=Message.objects.held())

    def abandoned(self, now: datetime | Now | None = None) -> "DeliveryQuerySet":
        """In flight when their worker died: no outcome was written and the lease ran out."""
        return self.filter(state=Delivery.State.SENDING, leased_until__lt=now or database_now())

    def in_flight(self, holder: str) -> "DeliveryQuerySet":
        """What `holder` is sending, unless somebody settled it meanwhile: the fence of a lane."""
        return self.filter(state=Delivery.State.SENDING, holder=holder)

    def of(self, address: str) -> "DeliveryQuerySet":
        """Those to one address, in whatever spelling it is given."""
        return self.filter(address_key=address)

    def unfinished(self) -> "DeliveryQuerySet":
        return self.filter(state__in=UNFINISHED)

    def retryable(self) -> "DeliveryQuerySet":
        """What a person may queue again: failed or uncertain ones whose content is still there.

        Not the deliveries of people whose data was erased, nor those of a cancelled message.
        """
        states = [Delivery.State.FAILED, Delivery.State.UNCERTAIN]
        able = self.filter(state__in=states, message__erased_at=None, message__cancel_reason="")
        return able.exclude(address__startswith=Delivery.ERASED)

    def update_returning(self, **columns: Any) -> list[int]:
        """Update like `update()`, and return the primary keys of the rows that changed."""
        return update_returning(self, **columns)


class Delivery(models.Model):
    """queued → sending → sent | failed | uncertain | skipped(reason).

    Only a row in flight has a `holder`, the lane that is sending it, and a `leased_until`.

    `address` is an address, never a key to a user: an account may go while its mail is under way.
    Once its owner's data was erased, it is `ERASED` and the row's number.
    """

    ERASED = "forgotten:"

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        SENDING = "sending", _("sending")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        UNCERTAIN = "uncertain", _("uncertain")
        SKIPPED = "skipped", _("skipped")

    class Feedback(models.TextChoices):
        DELIVERED = "delivered", _("delivered")
        BOUNCED = "bounced", _("bounced")
        COMPLAINED = "complained", _("complained")

    message = models.ForeignKey(
        Message,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_index=False,  # `delivery_progress` serves
    )
    channel = models.CharField(_("channel"), max_length=50)
    # The mailer that was to carry it when it was queued: alias of a route or provider.
    route = models.CharField(_("route"), max_length=200, blank=True, default="", db_default="")
    address = models.CharField(_("address"), max_length=320)
    address_key = AddressField(source="address", max_length=320, null=True, editable=False)
    name = models.CharField(_("name"), max_length=200, blank=True)
    values = models.JSONField(default=dict, blank=True)

    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    reason = models.CharField(_("reason"), max_length=100, blank=True)
    error = models.TextField(_("error"), blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("queued at"), default=timezone.now, editable=False)
    not_before = models.DateTimeField(_("not before"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    holder = models.CharField(max_length=64, blank=True, editable=False, db_column="leased_by")

    alias = models.CharField(_("provider"), max_length=200, blank=True)
    provider_id = models.CharField(_("provider's id"), max_length=200, blank=True)
    feedback = models.CharField(_("feedback"), max_length=10, choices=Feedback, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        permissions = [("send_again", _("Can send failed and uncertain deliveries again"))]
        constraints = [
            models.UniqueConstraint(
                F("message"), Coalesce("address_key", "address"), name="one_delivery_a_key"
            )
        ]
        indexes = [
            # Only open rows are in these, so they stay small however much was sent. With the
            # message in it, rows on hold are passed over without being read.
            models.Index(
                fields=["channel", "route", "not_before", "message", "id"],
                name="delivery_lane",
                condition=Q(state="queued"),
            ),
            models.Index(
                fields=["expires_at"],
                name="delivery_expiry",
                condition=Q(state="queued") & Q(expires_at__isnull=False),
            ),
            models.Index(
                F("leased_until"), name="delivery_in_flight", condition=Q(state="sending")
            ),
            # Few rows, counted on each visit of the status page. Not IN: SQLite does not see
            # that = implies it.
            models.Index(
                fields=["channel", "state"],
                name="delivery_trouble",
                condition=Q(state="failed") | Q(state="uncertain"),
            ),
            models.Index(fields=["message", "state"], name="delivery_progress"),
            models.Index(fields=["address_key"], name="delivery_by_key"),
            # Few rows, asked about again and again while an issue is being sent.
            models.Index(
                fields=["message", "feedback"],
                name="delivery_complaint",
                # Not IN: SQLite does not see that = implies it.
                condition=Q(feedback="bounced") | Q(feedback="complained"),
            ),
            # Each change of a row writes an entry to each index that the row is in: so not in all.
            models.Index(
                F("provider_id"), name="delivery_by_provider_id", condition=~Q(provider_id="")
            ),
            models.Index(
                F("finished_at"), name="delivery_by_end", condition=Q(finished_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} to {self.address}"

    @property
    def is_erased(self) -> bool:
        """True once the data of the person it went to was erased."""
        return self.address.startswith(self.ERASED)

    @property
    def counted_as(self) -> tuple[str, str, str]:
        """Its key among the kept counts, once it has ended: channel, provider and outcome."""
        is_skipped = self.state == self.State.SKIPPED
        return self.channel, "" if is_skipped else self.alias, str(self.state)

    @property
    def message_id_header(self) -> str:
        """The one Message-ID of this delivery over all its attempts (RFC 5322 section 3.6.4).

        The caller's where it set one, in whatever case it wrote the header's name. Ours does not
        show how many emails there were: its left part is a digest of message and address.
        """
        message = self.message
        if own := message.own_message_id:
            return own
        digest = sha256(f"{message.uid.hex}:{self.address}".encode()).hexdigest()
        return f"<{digest[:24]}.{message.id_right}>"
