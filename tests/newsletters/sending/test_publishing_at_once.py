"""Two processes publish the same draft at the same moment."""

from functools import partial

import pytest
from django.core import mail

from newsletters.models import Issue
from newsletters.sending.publish import publish
from tests.at_once import at_once


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("outbox_mailers")
def test_sends_once(draft, subscribed, drain):
    subscribed("ann@example.com")

    results = at_once(partial(publish, Issue.objects.get()), partial(publish, Issue.objects.get()))

    assert sorted(results) == [False, True]
    drain()
    assert len(mail.outbox) == 1
