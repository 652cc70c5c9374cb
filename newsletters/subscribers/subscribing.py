"""Subscribing: what a person agreed to, and the email that asks its owner to confirm."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from django.db import transaction
from django.http import HttpRequest
from django.tasks import task
from django.utils import timezone

from mailroom.models import Delivery
from mailroom.tasks import enqueue
from newsletters import emails
from newsletters.models import Newsletter, Subscription

# Requests that send nothing, so that nobody can fill somebody else's mailbox by our forms.
ASK_AGAIN_AFTER = timedelta(minutes=10)
MOST_A_DAY = 3  # emails that ask an address to confirm
REPEATED_AFTER = timedelta(days=1)  # "you are already subscribed" is said once a day


@dataclass(frozen=True)
class Consent:
    """Consent given now: where (a page or an import), in which words, from which IP."""

    source: str
    wording: str = ""
    ip: str | None = None

    @classmethod
    def on_page(cls, request: HttpRequest, wording: str) -> "Consent":
        # allauth knows which proxies are trusted.
        return cls(request.path, wording, get_adapter(request).get_client_ip(request))

    def fields(self) -> dict[str, Any]:
        """The columns of a Subscription that keep it."""
        return {
            "consent_at": timezone.now(),
            "consent_source": self.source[:200],
            "consent_ip": self.ip,
            "consent_wording": self.wording,
        }


@transaction.atomic
def subscribe(
    newsletter: Newsletter, address: str, *, consent: Consent, name: str, language: str
) -> Subscription:
    """Email the owner of an address: to confirm, or that it is subscribed already.

    The statements are the same for every address: response times must not reveal which are known.
    """
    details = {"name": name, "language": language, **consent.fields()}
    subscription = Subscription.objects.known_or_new(newsletter, address, details)
    want_confirmation(subscription, details)
    return subscription


@transaction.atomic
def join(
    newsletter: Newsletter, address: str, *, consent: Consent, name: str, language: str
) -> Subscription:
    """Subscribe an address that the person has proven to be theirs."""
    details = {"name": name, "language": language, **consent.fields()}
    subscription = Subscription.objects.known_or_new(newsletter, address, details)
    subscription.ask_anew(details)
    subscription.confirm(by_mail=False)
    return subscription


def want_confirmation(subscription: Subscription, details: dict[str, Any] | None = None) -> None:
    """Have a task email the owner; it decides which email, so that the time tells nothing."""
    subscription.ask_anew(details or {}, confirmation_wanted=True)
    enqueue(send_confirmation, subscription.pk)


@task()
def send_confirmation(subscription_id: int) -> None:
    if subscription := Subscription.objects.to_ask().filter(pk=subscription_id).first():
        ask_to_confirm(subscription)


@transaction.atomic
def ask_to_confirm(subscription: Subscription) -> bool:
    """Queue the email that is wanted, once however many processes try; False for none.

    A confirmation that was lost can be requested again after ASK_AGAIN_AFTER.
    """
    this = Subscription.objects.filter(pk=subscription.pk)
    if not this.to_ask().update(confirmation_wanted=False):
        return False
    subscription.refresh_from_db()
    if _has_enough_email(subscription):
        return False
    if subscription.is_confirmed:
        emails.already_subscribed(subscription).send()
        return True
    return confirm_again(subscription)


@transaction.atomic
def confirm_again(subscription: Subscription) -> bool:
    """Queue the confirmation email, however lately one was; False where nobody waits for it."""
    waiting = Subscription.objects.filter(pk=subscription.pk).pending()
    if not waiting.update(confirmation_sent_at=timezone.now(), confirmation_wanted=False):
        return False
    subscription.refresh_from_db()
    emails.confirm_subscription(subscription).send()
    return True


def _has_enough_email(subscription: Subscription) -> bool:
    """Whether the address got what this request would send, lately or often enough."""
    address, now = subscription.email, timezone.now()
    sent = Delivery.objects.of(address).filter(message__created_at__gt=now - REPEATED_AFTER)
    if subscription.is_confirmed:
        return sent.filter(message__type="newsletters.already_subscribed").exists()
    asked = sent.filter(message__type="newsletters.confirm_subscription")
    unanswered = Subscription.objects.of(address).unanswered(now - ASK_AGAIN_AFTER)
    return unanswered.exists() or asked.count() >= MOST_A_DAY
