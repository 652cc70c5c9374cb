"""One recipient of one message, and what became of it. The row is the queue."""

from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.db.models.sql import UpdateQuery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailroom.addresses import AddressField, address_key
from mailroom.models.message import Message


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Named questions about deliveries."""

    def queued(self) -> "DeliveryQuerySet":
        return self.filter(state=Delivery.State.QUEUED)

    def due(self, now: datetime | None = None) -> "DeliveryQuerySet":
        """Queued, their time has come, in no worker's hands, and their message not on hold."""
        now = now or timezone.now()
        free = Q(leased_until=None) | Q(leased_until__lt=now)
        return (
            self.queued()
            .filter(free, not_before__lte=now)
            .exclude(message__in=Message.objects.held())
        )

    def abandoned(self, now: datetime | None = None) -> "DeliveryQuerySet":
        """In flight when their worker died: no outcome was written and the lease ran out."""
        now = now or timezone.now()
        return self.filter(state=Delivery.State.SENDING, leased_until__lt=now)

    def held_by(self, holder: str) -> "DeliveryQuerySet":
        return self.filter(leased_by=holder)

    def of(self, address: str) -> "DeliveryQuerySet":
        """Those to one address, in whatever spelling it is given."""
        key = address_key(address)
        # While a release is rolled out, the one before adds rows without a key.
        unkeyed = Q(address_key=None, address__in={address, key})
        return self.filter(Q(address_key=key) | unkeyed)

    def unfinished(self) -> "DeliveryQuerySet":
        return self.filter(state__in=[Delivery.State.QUEUED, Delivery.State.SENDING])

    def retryable(self) -> "DeliveryQuerySet":
        """What a person may queue again: failed or uncertain ones whose content is still there.

        Not the deliveries of people whose data was erased, nor those of a cancelled message.
        """
        states = [Delivery.State.FAILED, Delivery.State.UNCERTAIN]
        able = self.filter(state__in=states, message__erased_at=None, message__cancel_reason="")
        return able.exclude(address__startswith=Delivery.ERASED)

    def update_returning(self, **columns: Any) -> list[int]:
        """Update like `update()`, and return the primary keys of the rows that changed."""
        query: Any = self.query.chain(UpdateQuery)
        query.add_update_values(columns)
        query.clear_ordering(force=True)
        compiler: Any = query.get_compiler(self.db)
        with transaction.mark_for_rollback_on_error(using=self.db):
            try:
                return [pk for (pk,) in compiler.execute_returning_sql([self.model._meta.pk])]
            except EmptyResultSet:  # nothing was asked of the database
                return []


class Delivery(models.Model):
    """queued → sending → sent | failed | uncertain | skipped(reason).

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
    expires_at = models.DateTimeField(_("worthless after"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    leased_by = models.CharField(max_length=64, blank=True, editable=False)

    alias = models.CharField(_("mailer"), max_length=200, blank=True)
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
            # Only open rows are ever claimed, so the index stays small however much was sent.
            models.Index(
                F("channel"),
                F("not_before"),
                F("id"),
                name="delivery_queue",
                condition=Q(state="queued"),
            ),
            models.Index(F("leased_by"), name="delivery_lease", condition=~Q(leased_by="")),
            models.Index(
                F("leased_until"), name="delivery_in_flight", condition=Q(state="sending")
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
    def message_id_header(self) -> str:
        """The one Message-ID of this delivery over all its attempts (RFC 5322 section 3.6.4).

        The caller's where it set one, in whatever case it wrote the header's name.
        """
        return self.message.own_message_id or f"<{self.pk}.{self.message.id_right}>"
