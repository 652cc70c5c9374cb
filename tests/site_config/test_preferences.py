"""One mail's link leads to all choices of its reader."""

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model

from newsletters.models import Newsletter, Subscription
from newsletters.tokens import member_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def page():
    weekly = Newsletter.objects.create(name="Weekly", slug="weekly")
    row = Subscription.objects.create(newsletter=weekly, email="ann@example.com")
    return f"/newsletters/preferences/{member_token(row.pk)}/"


def account(*, verified: bool):
    ann = get_user_model().objects.create_user("ann@example.com")
    EmailAddress.objects.create(user=ann, email=ann.email, primary=True, verified=verified)


def test_leads_to_the_notifications_of_its_address(client, page):
    account(verified=True)
    address = f"{page}notifications/"
    assert address in client.get(page).text
    found = client.get(address, follow=True)
    assert 'name="announcement"' in found.text
    assert client.get(address)["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("verified", [None, False])
def test_an_address_that_nobody_has_proven_leads_to_the_log_in(client, page, verified):
    if verified is not None:
        account(verified=verified)
    assert client.get(f"{page}notifications/").url == "/notifications/preferences/"


def test_a_forged_link_leads_to_nobodys(client, page):
    account(verified=True)
    forged = page.replace("/preferences/", "/preferences/x")
    assert client.get(f"{forged}notifications/").url == "/notifications/preferences/"
