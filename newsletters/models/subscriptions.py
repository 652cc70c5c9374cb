"""Named questions about subscriptions, and how new ones come about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from mailroom.addresses import address_key
from newsletters.consent import Consent
from newsletters.models.newsletter import Newsletter

if TYPE_CHECKING:
    from newsletters.models.subscription import Subscription


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


class State(models.TextChoices):
    PENDING = "pending", _("waiting for confirmation")
    CONFIRMED = "confirmed", _("confirmed")
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed")


class LeavingReason(models.TextChoices):
    TOO_OFTEN = "too_often", _("It comes too often.")
    NOT_FOR_ME = "not_for_me", _("It is not about what I expected.")
    NEVER_ASKED = "never_asked", _("I never asked for it.")
    OTHER = "other", _("Something else.")


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def confirmed(self) -> SubscriptionQuerySet:
        return self.filter(state=State.CONFIRMED)

    def pending(self) -> SubscriptionQuerySet:
        return self.filter(state=State.PENDING)

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
        return self.exclude(state=State.UNSUBSCRIBED).filter(confirmation_wanted=True)

    def unanswered(self, since: datetime) -> SubscriptionQuerySet:
        """Those that got a confirmation mail after `since` and have not pressed its button."""
        return self.pending().filter(confirmation_sent_at__gt=since)

    @transaction.atomic
    def subscribe(
        self, newsletter: Newsletter, address: str, *, consent: Consent, name: str, language: str
    ) -> Subscription:
        """Have the owner of an address asked to confirm, or told that it is subscribed already.

        The statements are the same for every address: their time must not tell them apart.
        """
        details = {"name": name, "language": language, **consent.fields()}
        subscription = self._row(newsletter, address, details)
        subscription.want_confirmation(details)
        return subscription

    @transaction.atomic
    def join(
        self, newsletter: Newsletter, address: str, *, consent: Consent, name: str, language: str
    ) -> Subscription:
        """Subscribe an address that was proven already to be the person's own."""
        details = {"name": name, "language": language, **consent.fields()}
        subscription = self._row(newsletter, address, details)
        subscription.ask_anew(details)
        subscription.confirm(by_mail=False)
        return subscription

    def _row(self, newsletter: Newsletter, address: str, details: dict[str, Any]) -> Subscription:
        """The subscription of an address, made with these details if there is none."""
        known = {"newsletter": newsletter, "email": address_key(address)}
        self.bulk_create([self.model(**known, **details)], ignore_conflicts=True)
        return self.get(**known)
