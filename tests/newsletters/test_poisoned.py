"""One row that cannot be worked on stops no other."""

import pytest
from django.core import mail

from newsletters import emails
from newsletters.models import Subscription


@pytest.mark.django_db(transaction=True)
def test_a_confirmation_that_fails_leaves_the_others_to_go_out(
    weekly, drain, outbox_mailers, monkeypatch
):
    for name in ("a", "bad", "z"):
        Subscription.objects.create(
            newsletter=weekly, email=f"{name}@example.com", confirmation_wanted=True
        )
    real = emails.confirm_subscription

    def confirm(subscription):
        if subscription.email.startswith("bad"):
            raise ValueError("no email can be made of this row")
        return real(subscription)

    monkeypatch.setattr(emails, "confirm_subscription", confirm)
    drain()

    assert sorted(message.to[0] for message in mail.outbox) == ["a@example.com", "z@example.com"]
    bad = Subscription.objects.get(email="bad@example.com")
    assert bad.confirmation_wanted
