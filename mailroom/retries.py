"""When to try again, and when to stop trying."""

import random
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

# RFC 5321 section 4.5.4.1: retries go on for at least four to five days.
GIVE_UP_AFTER = timedelta(days=5)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_RETRY_AFTER = timedelta(days=1)  # whatever a provider asks for


def next_try(attempts: int, retry_after: float | None = None) -> datetime:
    """When to try again after `attempts` attempts: doubling, with jitter, at most an hour.

    retry_after: seconds that the provider asked for; never tried before, up to a day.
    """
    doubled = settings.MAIL_RETRY_SECONDS * 2 ** min(attempts - 1, 12)
    wait = min(doubled, LONGEST_WAIT.total_seconds()) * random.uniform(0.8, 1.2)  # noqa: S311
    asked = min(retry_after or 0, LONGEST_RETRY_AFTER.total_seconds())
    return timezone.now() + timedelta(seconds=max(wait, asked))


def is_hopeless(created_at: datetime) -> bool:
    """True where a delivery has been refused for now for five days."""
    return timezone.now() - created_at > GIVE_UP_AFTER
