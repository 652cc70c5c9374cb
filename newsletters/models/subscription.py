"""Who gets a newsletter. Leaving is a state of this row, so that coming back can be confirmed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Subquery
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailroom.addresses import AddressField, address_key
from mailroom.message_types import message_type
from mailroom.models import Delivery, Suppression
from mailroom.models.suppression import forms_of, hashed
from newsletters.models.newsletter import Newsletter
from newsletters.validators import one_line


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


class SubscriptionState(models.TextChoices):
    PENDING = "pending", _("waiting for confirmation")
    CONFIRMED = "confirmed", _("confirmed")
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed")


class LeavingReason(models.TextChoices):
    TOO_OFTEN = "too_often", _("It comes too often.")
    NOT_FOR_ME = "not_for_me", _("It is not about what I expected.")
    NEVER_ASKED = "never_asked", _("I never asked for it.")
    OTHER = "other", _("Something else.")


class ErasedAddressQuerySet(models.QuerySet["ErasedAddress"]):
    def among(self, addresses: Iterable[str]) -> set[str]:
        """Which of the keys of addresses were erased."""
        known_as = {form: address for address in addresses for form in forms_of(address)}
        found = self.filter(digest__any_of=known_as).values_list("digest", flat=True)
        return {known_as[digest] for digest in found}

    def remember(self, address: str) -> None:
        self.bulk_create([self.model(digest=hashed(address))], ignore_conflicts=True)

    def forget(self, address: str) -> None:
        self.filter(digest__in=forms_of(address)).delete()


class ErasedAddress(models.Model):
    """An address whose owner had it erased, as a keyed hash: no import subscribes it again."""

    digest = models.CharField(max_length=80, unique=True)

    objects = ErasedAddressQuerySet.as_manager()

    def __str__(self) -> str:
        return self.digest


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def confirmed(self) -> SubscriptionQuerySet:
        return self.filter(state=SubscriptionState.CONFIRMED)

    def pending(self) -> SubscriptionQuerySet:
        return self.filter(state=SubscriptionState.PENDING)

    def of(self, address: str) -> SubscriptionQuerySet:
        return self.filter(email=address)

    def segment(
        self, language: str = "", joined_from: date | None = None, before: date | None = None
    ) -> SubscriptionQuerySet:
        """Those who chose a language, and confirmed from one day on and before another (UTC)."""
        found = self.filter(language=language) if language else self
        if joined_from:
            found = found.filter(confirmed_at__gte=_midnight(joined_from))
        return found.filter(confirmed_at__lt=_midnight(before)) if before else found

    def to_ask(self) -> SubscriptionQuerySet:
        """Those whose owner asked for an email that has not been queued."""
        return self.exclude(state=SubscriptionState.UNSUBSCRIBED).filter(confirmation_wanted=True)

    def unanswered(self, since: datetime) -> SubscriptionQuerySet:
        """Those that got a confirmation mail after `since` and have not pressed its button."""
        return self.pending().filter(confirmation_sent_at__gt=since)

    def known_or_new(
        self, newsletter: Newsletter, address: str, details: dict[str, Any]
    ) -> Subscription:
        """The subscription of an address; made with these details if there is none."""
        known = {"newsletter": newsletter, "email": address_key(address)}
        self.bulk_create([self.model(**known, **details)], ignore_conflicts=True)
        return self.get(**known)


UNDO_WITHIN = timedelta(hours=1)


class Subscription(models.Model):
    State = SubscriptionState

    newsletter = models.ForeignKey(
        Newsletter, models.CASCADE, related_name="subscriptions", verbose_name=_("newsletter")
    )
    email = AddressField(_("email address"), validators=[one_line])
    name = models.CharField(_("name"), max_length=100, blank=True, validators=[one_line])
    language = models.CharField(
        _("language"), max_length=12, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    state = models.CharField(
        _("state"),
        max_length=12,
        choices=SubscriptionState.choices,
        default=SubscriptionState.PENDING,
    )
    # How often it moved to another address: links from before only unsubscribe.
    moves = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    confirmation_wanted = models.BooleanField(default=False, editable=False)
    confirmation_sent_at = models.DateTimeField(
        _("confirmation email queued at"), null=True, editable=False
    )
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, editable=False)
    unsubscribed_at = models.DateTimeField(_("unsubscribed at"), null=True, editable=False)
    left_by = models.ForeignKey(
        "mailroom.Delivery",
        models.SET_NULL,
        verbose_name=_("email they unsubscribed from"),
        null=True,
        editable=False,
        related_name="+",
    )
    left_because = models.CharField(
        _("reason for unsubscribing"), max_length=12, choices=LeavingReason.choices, blank=True
    )
    consent_at = models.DateTimeField(_("consent given at"), null=True, editable=False)
    consent_source = models.CharField(
        _("consent given on"), max_length=200, blank=True, editable=False
    )
    consent_ip = models.GenericIPAddressField(_("consent given from"), null=True, editable=False)
    consent_wording = models.TextField(_("consent text"), blank=True, editable=False)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ["email"]
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = [
            models.UniqueConstraint(
                "newsletter", Lower("email"), name="one_subscription_per_address"
            ),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="subscription_email_lower_case"
            ),
        ]
        indexes = [
            models.Index(fields=["email"], name="subscription_by_email"),
            models.Index(fields=["newsletter", "state", "id"], name="subscription_by_state"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_confirmed(self) -> bool:
        return self.state == SubscriptionState.CONFIRMED

    @property
    def is_pending(self) -> bool:
        return self.state == SubscriptionState.PENDING

    def ask_anew(self, details: dict[str, Any], **others: Any) -> None:
        """Take the details of what was asked for last, unless that is confirmed already.

        Somebody who left comes back: nothing of the old confirmation counts. Others: columns that
        change in any case, by the same statement.
        """
        changes = others if self.is_confirmed else {**details, **others}
        if self.is_unsubscribed:
            sent = {"confirmed_at": None, "confirmation_sent_at": None}
            changes = {**changes, **sent, "state": SubscriptionState.PENDING}
        for field, value in changes.items():
            setattr(self, field, value)
        self.save(update_fields=list(changes))

    @transaction.atomic
    def confirm(self, *, by_mail: bool = True) -> bool:
        """The owner of the address said yes. Only a pending subscription can be confirmed.

        by_mail: by the link of a mail, which proves that mail arrives there (again).
        """
        now = timezone.now()
        confirmed = {
            "state": SubscriptionState.CONFIRMED,
            "confirmed_at": now,
            "confirmation_wanted": False,
        }
        done = self._rows.pending().update(**confirmed)
        self.refresh_from_db()
        if done:
            channel = message_type("newsletters.issue").channel
            Suppression.objects.confirmed(self.email, wants=channel, arrives=by_mail)
            ErasedAddress.objects.forget(self.email)
        return bool(done)

    def unsubscribe(self, *, delivery: Delivery | int | None = None) -> bool:
        """Leave this list, and only this one; a second time changes nothing.

        delivery: the mail that led to it, or its id, which may be gone by now.
        """
        now = timezone.now()
        pk = delivery.pk if isinstance(delivery, Delivery) else delivery
        known = Delivery.objects.filter(pk=pk).values("pk")[:1] if pk else None
        rows = self._rows.exclude(state=SubscriptionState.UNSUBSCRIBED)
        done = rows.update(
            state=SubscriptionState.UNSUBSCRIBED,
            unsubscribed_at=now,
            confirmation_wanted=False,
            left_by=Subquery(known) if known is not None else None,
            left_because="",
        )
        self.refresh_from_db()
        return bool(done)

    def move_to(self, address: str) -> None:
        """To another address of the same person. Consent and history go along."""
        self._rows.update(email=address, moves=F("moves") + 1)
        self.refresh_from_db()

    @property
    def is_unsubscribed(self) -> bool:
        return self.state == SubscriptionState.UNSUBSCRIBED

    @property
    def can_undo(self) -> bool:
        """Whether leaving was so recent that it may have been a slip."""
        left = self.unsubscribed_at if self.is_unsubscribed else None
        return bool(self.confirmed_at and left and timezone.now() - left < UNDO_WITHIN)

    def undo_unsubscribe(self) -> bool:
        if self.can_undo:
            self._rows.filter(unsubscribed_at=self.unsubscribed_at).update(
                state=SubscriptionState.CONFIRMED
            )
            self.refresh_from_db()
        return self.is_confirmed

    @property
    def _rows(self) -> SubscriptionQuerySet:
        return Subscription.objects.filter(pk=self.pk)
