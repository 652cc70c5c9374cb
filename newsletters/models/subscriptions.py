"""Named questions about subscriptions, and how new ones come about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

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
        """Those whose confirmation mail was asked for and has not been queued."""
        return self.pending().filter(confirmation_wanted=True)

    def unanswered(self, since: datetime) -> SubscriptionQuerySet:
        """Those that got a confirmation mail after `since` and have not pressed its button."""
        return self.pending().filter(confirmation_sent_at__gt=since)

    @transaction.atomic
    def subscribe(
        self, newsletter: Newsletter, address: str, *, consent: Consent, name: str, language: str
    ) -> Subscription:
        """Ask the owner of an address to confirm; who is subscribed already is left alone."""
        subscription = self._pending(newsletter, address, consent, name, language)
        subscription.want_confirmation()
        return subscription

    @transaction.atomic
    def join(
        self, newsletter: Newsletter, address: str, *, consent: Consent, name: str, language: str
    ) -> Subscription:
        """Subscribe an address that was proven already to be the person's own."""
        subscription = self._pending(newsletter, address, consent, name, language)
        subscription.confirm(by_mail=False)
        return subscription

    def _pending(
        self, newsletter: Newsletter, address: str, consent: Consent, name: str, language: str
    ) -> Subscription:
        """The subscription of an address; one that had left starts anew."""
        details = {"name": name, "language": language, **consent.fields()}
        found, new = self.get_or_create(
            newsletter=newsletter, email=address_key(address), defaults=details
        )
        if not new and found.state == State.UNSUBSCRIBED:
            found.reopen(details)
        elif not new and found.state == State.PENDING:
            found.ask_anew(details)
        return found
