"""A link that was used, is old, or was made for another state or person opens nothing."""

from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.utils import timezone

from accounts import bounced
from mailroom.models import Suppression
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


def test_a_used_confirmation_is_no_way_in(client, sign_up, the_mail):
    sign_up("new@example.com")
    link = path_in(the_mail())
    client.post(link)
    assert EmailAddress.objects.get(email="new@example.com").verified
    EmailAddress.objects.update(verified=False)
    client.logout()

    client.post(link)
    assert "_auth_user_id" not in client.session


LINKS = {
    "confirm": "/accounts/confirm-email/{}/",
    "reset": "/accounts/password/reset/key/{}/",
    "arrive": "/accounts/mend/{}/",
}
OTHERS = (
    "/newsletters/confirm/{}/", "/newsletters/unsubscribe/{}/", "/newsletters/preferences/{}/",
    "/newsletters/preferences/all/{}/", "/notifications/visit/{}/", "/notifications/switch/{}/",
    "/notifications/preferences/{}/",
)  # fmt: skip


@pytest.fixture
def account_links(client, ann, sign_up, drain) -> dict[str, str]:
    """A link of each kind, as it is sent."""
    found = {}
    bounced.trial_email(ann).send()
    client.post(RESET, {"email": ann.email})
    sign_up("new@example.com")
    drain()
    for message in mail.outbox:
        link = path_in(message)
        (kind,) = [kind for kind, path in LINKS.items() if link.startswith(path.split("{")[0])]
        found[kind] = link
    assert found.keys() == LINKS.keys()
    client.logout()
    return found


@pytest.mark.parametrize("kind", LINKS)
def test_an_account_link_is_refused_by_the_pages_of_every_other(client, ann, account_links, kind):
    token = account_links[kind].rstrip("/").rpartition("/")[2]
    for path in [*OTHERS, *(path for other, path in LINKS.items() if other != kind)]:
        client.get(path.format(token), follow=True)
        client.post(path.format(token), {"sure": "on", "password1": NEW_PASSWORD})
        assert "_auth_user_id" not in client.session
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)
    assert not EmailAddress.objects.get(email="new@example.com").verified


@pytest.mark.parametrize("kind", LINKS)
def test_an_account_link_ends_with_the_key_that_signed_it(
    client, ann, account_links, *, settings, monkeypatch, kind
):
    Suppression.objects.create(address=ann.email, reason="bounced")
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-key-" * 5
    monkeypatch.setattr(bounced._signer, "key", settings.SECRET_KEY)  # it reads the key at start
    assert not works(client, kind, account_links[kind], ann)
    settings.SECRET_KEY_FALLBACKS = [old]
    monkeypatch.setattr(bounced._signer, "fallback_keys", [old])
    assert works(client, kind, account_links[kind], ann)


def works(client, kind: str, link: str, ann) -> bool:
    """Whether a link does what it is for; it is tried."""
    cache.clear()
    if kind == "reset":
        return opens(client, link, ann)
    client.post(link)
    if kind == "confirm":
        return EmailAddress.objects.get(email="new@example.com").verified
    return not bounced.is_bounced("ann@example.com")


class TestEmailsArriveAgain:
    @pytest.fixture
    def trial(self, ann, the_mail) -> str:
        bounced.trial_email(ann).send()
        link = path_in(the_mail())
        Suppression.objects.create(address=ann.email, reason="bounced")
        return link

    def test_by_a_button_since_scanners_follow_links(self, client, trial, ann):
        assert client.get(trial).status_code == 200
        assert bounced.is_bounced(ann.email)
        client.post(trial)
        assert not bounced.is_bounced(ann.email)
        assert "_auth_user_id" not in client.session

    def test_within_three_days(self, client, trial, ann):
        with time_machine.travel(timezone.now() + timedelta(days=4), tick=True):
            assert client.post(trial).status_code == 404
        assert bounced.is_bounced(ann.email)

    def test_until_the_address_changes(self, client, trial, ann):
        ann.email = "new@example.com"
        ann.save()
        assert client.post(trial).status_code == 404
        assert "new@example.com" not in client.get(trial).text

    def test_until_the_account_is_deleted(self, client, trial, ann):
        ann.delete()
        assert client.post(trial).status_code == 404
