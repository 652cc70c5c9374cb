import io
from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils import timezone

from newsletters.models import Issue, Newsletter, Subscription
from newsletters.subscribers.importing import import_subscribers


@pytest.fixture
def weekly(db) -> Newsletter:
    return Newsletter.objects.create(
        name="Mailroom weekly",
        slug="weekly",
        description="News.",
        postal_address="1 Harbour Road, Cork",
    )


@pytest.fixture
def monthly(db) -> Newsletter:
    return Newsletter.objects.create(
        name="Mailroom monthly", slug="monthly", postal_address="1 Harbour Road"
    )


@pytest.fixture
def subscribed(weekly) -> Callable[..., Subscription]:
    """Make a confirmed subscription, or one in another state."""

    def make(email: str, name: str = "", **fields) -> Subscription:
        details = {
            "newsletter": weekly,
            "state": Subscription.State.CONFIRMED,
            "confirmed_at": timezone.now(),
            **fields,
        }
        return Subscription.objects.create(email=email, name=name, **details)

    return make


@pytest.fixture
def draft(weekly) -> Issue:
    return Issue.objects.create(
        newsletter=weekly,
        subject="The first issue",
        slug="first",
        preheader="What is new",
        body="# News\n\n{greeting} read it on [the web]({web_url}).\n",
    )


@pytest.fixture
def editor(db):
    """A superuser: may do all in the admin."""
    return get_user_model().objects.create_superuser("editor@example.com", password=None)


@pytest.fixture
def desk(client, editor):
    """The client of an editor who is signed in."""
    client.force_login(editor)
    return client


@pytest.fixture(autouse=True)
def _no_limits_left_over(settings, request) -> None:
    """Counts of an earlier test would stop a later one; the cache's table outlives both."""
    cache = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    settings.CACHES = {"default": {**cache, "LOCATION": request.node.nodeid}}


@pytest.fixture
def writer(db):
    """Somebody who may write issues and not publish them."""
    user = get_user_model().objects.create_user("writer@example.com", None, is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["change_issue", "view_issue"])
    )
    return user


@pytest.fixture
def take_in(weekly):
    def run(text: str | bytes):
        data = text.encode() if isinstance(text, str) else text
        return import_subscribers(weekly, io.BytesIO(data), "Paper list at the fair")

    return run
