"""Two processes publish the same draft at the same moment."""

import pytest
from django.core import mail

from newsletters.models import Issue
from tests.at_once import at_once


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("outbox_mailers")
def test_sends_once(draft, subscribed, drain):
    subscribed("ann@example.com")

    results = at_once(Issue.objects.get().publish, Issue.objects.get().publish)

    assert sorted(results) == [False, True]
    drain()
    assert len(mail.outbox) == 1
