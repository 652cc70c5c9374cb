"""Subscriptions of a person: a change of address, an account that goes, export and erasure."""

from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.tasks import task

from mailroom.csv_files import without_rows
from mailroom.models.queries import locked
from mailroom.outbox import personal_data
from mailroom.worker.periodic import each
from newsletters.models import ErasedAddress, SubscriberImport, Subscription


@transaction.atomic
def carry_along(old: str, new: str) -> None:
    """Move the subscriptions of an address to the one that its owner has proven instead.

    Where the new address has one already, its own word counts, unless it only waits for an answer.
    """
    known = {row.newsletter_id: row for row in Subscription.objects.of(new)}
    for row in Subscription.objects.of(old):
        other = known.get(row.newsletter_id)
        if other is None:
            row.move_to(new)
        else:
            if row.is_confirmed and other.is_pending:
                other.confirm(by_mail=False)
            row.unsubscribe()


def address_changed(
    sender: object,
    from_email_address: Any = None,
    to_email_address: Any = None,
    **kwargs: Any,
) -> None:
    # Not from one that was never confirmed: its subscriptions may be somebody else's.
    is_theirs = from_email_address and getattr(from_email_address, "verified", True)
    if is_theirs and to_email_address and to_email_address.verified:
        carry_along(from_email_address.email, to_email_address.email)


def account_deleted(sender: object, instance: AbstractBaseUser, **kwargs: Any) -> None:
    """Whoever deletes an account expects silence; whose address it only named does not."""
    address = getattr(instance, "email", "")
    if EmailAddress.objects.filter(user=instance, email=address, verified=False).exists():
        return
    for subscription in Subscription.objects.of(address):
        subscription.unsubscribe()


@transaction.atomic
def delete_by_hand(subscription: Subscription) -> None:
    """Delete a subscription for an operator; with the last one of a person, all their data.

    No import subscribes the address again.
    """
    subscription.delete()
    ErasedAddress.objects.remember(subscription.email)
    if not Subscription.objects.of(subscription.email).exists():
        personal_data.erase_address(subscription.email)


def waiting_subscriptions() -> QuerySet[Subscription]:
    """Subscriptions that were deleted in the admin, too many of them to wait for."""
    return personal_data.deleted_by_hand(
        Subscription.objects.filter(state=Subscription.State.UNSUBSCRIBED)
    )


@task()
def delete_waiting_subscriptions() -> None:
    each(list(waiting_subscriptions().values_list("pk", flat=True)), _delete_waiting)


@transaction.atomic
def _delete_waiting(subscription_id: int) -> None:
    rows = Subscription.objects.filter(state=Subscription.State.UNSUBSCRIBED)
    if subscription := locked(rows.filter(pk=subscription_id)).first():
        delete_by_hand(subscription)


def register() -> None:
    """Declare what this app stores about an address, and where one may be mentioned."""
    personal_data.register(
        "subscriptions", export=_export, erase=_erase, used_since=_subscribed_since
    )
    personal_data.register_quotes("newsletters.Subscription", "name", "consent_source")
    personal_data.register_quotes("newsletters.HistoryEntry", "who", "note")
    personal_data.register_quotes("newsletters.Issue", "stop_reason")  # a provider's words
    personal_data.register_quotes("newsletters.IssueTest", "addresses")
    # The first row of a file without column names is kept as its header.
    personal_data.register_quotes(
        "newsletters.SubscriberImport",
        *("consent", "file_name", "header", "data", "faults", "sample", "problem_file"),
    )


HIDDEN = {"id", "newsletter_id", "confirmation_wanted", "left_by_id", "moves"}


def _export(key: str) -> list[dict[str, Any]]:
    shown = [one.attname for one in Subscription._meta.concrete_fields if one.attname not in HIDDEN]
    return [
        {"newsletter": row.newsletter.name} | {name: getattr(row, name) for name in shown}
        for row in Subscription.objects.of(key).select_related("newsletter")
    ]


def _subscribed_since(key: str, moment: datetime) -> bool:
    asked = Q(created_at__gt=moment) | Q(consent_at__gt=moment) | Q(confirmed_at__gt=moment)
    return Subscription.objects.of(key).filter(asked).exists()


def _erase(key: str) -> None:
    Subscription.objects.of(key).delete()
    ErasedAddress.objects.remember(key)
    mention = personal_data.Mention(key)
    for job in SubscriberImport.objects.iterator(1):
        before = (job.sample, job.data, job.problem_file)
        job.sample = [row for row in job.sample if not any(map(mention.is_in, row))]
        job.data = without_rows(bytes(job.data), mention.is_in)
        job.problem_file = job.problem_file and without_rows(bytes(job.problem_file), mention.is_in)
        if before != (job.sample, job.data, job.problem_file):
            job.save(update_fields=["sample", "data", "problem_file"])
