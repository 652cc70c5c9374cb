"""Subscriptions follow their owner's address, and end with their account."""

from types import SimpleNamespace

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model

from newsletters.models import Subscription
from newsletters.subscribers import account_sync


def states() -> dict[tuple[str, str], str]:
    rows = Subscription.objects.select_related("newsletter")
    return {(row.newsletter.slug, row.email): row.state for row in rows}


def test_a_change_of_address_carries_them_along(subscribed, monthly):
    subscribed("old@example.com")
    subscribed("old@example.com", newsletter=monthly).unsubscribe()
    account_sync.address_changed(
        None,
        from_email_address=SimpleNamespace(email="Old@example.com"),
        to_email_address=SimpleNamespace(email="New@example.com", verified=True),
    )
    assert states() == {
        ("weekly", "new@example.com"): "confirmed",
        ("monthly", "new@example.com"): "unsubscribed",
    }


def test_an_address_that_is_not_proven_gets_none(subscribed):
    subscribed("old@example.com")
    account_sync.address_changed(
        None,
        from_email_address=SimpleNamespace(email="old@example.com"),
        to_email_address=SimpleNamespace(email="new@example.com", verified=False),
    )
    assert states() == {("weekly", "old@example.com"): "confirmed"}


def test_none_leaves_an_address_that_was_not_proven(subscribed):
    subscribed("old@example.com")
    account_sync.address_changed(
        None,
        from_email_address=SimpleNamespace(email="old@example.com", verified=False),
        to_email_address=SimpleNamespace(email="new@example.com", verified=True),
    )
    assert states() == {("weekly", "old@example.com"): "confirmed"}


def test_the_new_address_keeps_its_own_word(subscribed, monthly):
    subscribed("old@example.com")
    subscribed("new@example.com").unsubscribe()
    subscribed("old@example.com", newsletter=monthly)
    subscribed("new@example.com", newsletter=monthly, state="pending")
    account_sync.carry_along("old@example.com", "new@example.com")
    assert states() == {
        ("weekly", "old@example.com"): "unsubscribed",
        ("weekly", "new@example.com"): "unsubscribed",
        ("monthly", "old@example.com"): "unsubscribed",
        ("monthly", "new@example.com"): "confirmed",
    }


def test_deleting_the_account_ends_them(subscribed, monthly):
    user = get_user_model().objects.create_user("ann@example.com")
    subscribed("ann@example.com")
    subscribed("bob@example.com")
    user.delete()
    assert states() == {
        ("weekly", "ann@example.com"): "unsubscribed",
        ("weekly", "bob@example.com"): "confirmed",
    }


def test_deleting_an_account_ends_none_of_an_address_it_has_not_proven(subscribed):
    user = get_user_model().objects.create_user("ann@example.com")
    EmailAddress.objects.create(user=user, email=user.email, verified=False)
    subscribed("ann@example.com")
    user.delete()
    assert states() == {("weekly", "ann@example.com"): "confirmed"}
