from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model

from notifications.models import Announcement


@pytest.fixture(autouse=True)
def _real_outbox(outbox_mailers, db) -> None:
    """Mail goes through the channels, and from them to `mail.outbox`."""


@pytest.fixture
def person() -> Callable[..., object]:
    """Make a user with a confirmed address, or one with `verified=False`."""

    def make(email: str, *, verified: bool = True, **fields):
        user = get_user_model().objects.create_user(email, None, **fields)
        EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
        return user

    return make


@pytest.fixture
def ann(person):
    return person("ann@example.com", name="Ann")


@pytest.fixture
def bob(person):
    return person("bob@example.com", name="Bob")


@pytest.fixture
def inside(client, ann):
    """Ann's client."""
    client.force_login(ann)
    return client


@pytest.fixture
def draft() -> Announcement:
    return Announcement.objects.create(title="We moved", body="To a **new** house.")


def confirm(users) -> None:
    """Give users a confirmed primary address each."""
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
    )
