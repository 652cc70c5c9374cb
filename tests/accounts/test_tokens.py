"""A link that was used, is old, or was made for another state or person opens nothing."""

from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.utils import timezone

from tests.accounts.conftest import NEW_PASSWORD, PASSWORD, path_in

RESET = "/accounts/password/reset/"


@pytest.fixture
def link(client, ann, the_mail) -> str:
    client.post(RESET, {"email": ann.email})
    return path_in(the_mail())


def opens(client, link: str, user) -> bool:
    """Whether a password can be set by the link; it is tried."""
    page = client.get(link, follow=True)
    path = page.redirect_chain[-1][0] if page.redirect_chain else link
    client.post(path, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    user.refresh_from_db()
    return user.check_password(NEW_PASSWORD)


def test_a_fresh_link_opens(client, link, ann):
    assert opens(client, link, ann)


def test_a_used_link_opens_nothing(client, link, ann):
    opens(client, link, ann)
    ann.set_password(PASSWORD)
    ann.save()

    assert not opens(client, link, ann)


def test_an_old_link_opens_nothing(client, link, ann):
    with time_machine.travel(timezone.now() + timedelta(days=4), tick=True):
        assert not opens(client, link, ann)


def test_a_link_of_before_a_new_password_opens_nothing(client, link, ann):
    ann.set_password("another-horse-44")
    ann.save()

    assert not opens(client, link, ann)


def test_a_link_of_before_a_new_address_opens_nothing(client, link, ann):
    EmailAddress.objects.filter(user=ann).update(email="new@example.com")
    ann.email = "new@example.com"
    ann.save()

    assert not opens(client, link, ann)


def test_a_link_opens_nothing_of_somebody_else(client, link, ann, somebody):
    from allauth.account.utils import user_pk_to_url_str

    bob = somebody("bob@example.com")
    ours, his = user_pk_to_url_str(ann), user_pk_to_url_str(bob)
    assert f"/{ours}-" in link

    assert not opens(client, link.replace(f"/{ours}-", f"/{his}-"), bob)


def test_an_old_confirmation_confirms_nothing(client, sign_up, the_mail):
    sign_up("new@example.com")
    link = path_in(the_mail())
    with time_machine.travel(timezone.now() + timedelta(days=4), tick=True):
        client.post(link)

    assert not EmailAddress.objects.get(email="new@example.com").verified
