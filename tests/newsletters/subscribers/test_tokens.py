"""What each link of docs/links.md allows, how long it lasts, and what ends it."""

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail, signing
from django.utils import timezone

from mailroom.models import Delivery
from newsletters.models import Subscription
from newsletters.sending import publish
from newsletters.subscribers import account_sync, tokens

YEARS = timedelta(days=2000)


@pytest.fixture
def ann(subscribed) -> Subscription:
    return subscribed("ann@example.com", "Ann")


@pytest.fixture
def waiting(subscribed) -> Subscription:
    return subscribed("ann@example.com", "Ann", state="pending", confirmed_at=None)


def made(kind: str, row: Subscription) -> str:
    if kind == "member":
        return tokens.member_token(row.pk, moves=row.moves)
    return tokens.confirm_token(row) if kind == "confirm" else tokens.access_token(row.email)


def pages(token: str) -> dict[str, str]:
    """Every page that takes a token, by the kind of token that it is for."""
    return {
        f"/newsletters/confirm/{token}/": "confirm",
        f"/newsletters/unsubscribe/{token}/": "member",
        f"/newsletters/unsubscribe/{token}": "member",
        f"/newsletters/unsubscribe/{token}/why/": "member",
        f"/newsletters/unsubscribe/{token}/undo/": "member",
        f"/newsletters/preferences/{token}/": "member",
        f"/newsletters/preferences/{token}/link/": "member",
        f"/newsletters/preferences/all/{token}/": "access",
        f"/newsletters/preferences/all/{token}/export/": "access",
        f"/newsletters/preferences/all/{token}/forget/": "access",
        f"/notifications/visit/{token}/": "visit",
        f"/notifications/switch/{token}/": "choices",
        f"/notifications/preferences/{token}/": "choices",
        f"/accounts/mend/{token}/": "mend",
    }


def state(row: Subscription) -> str:
    row.refresh_from_db()
    return row.state


@pytest.mark.parametrize("kind", ["confirm", "member", "access"])
def test_a_token_is_refused_by_the_pages_of_every_other(client, ann, kind):
    token = made(kind, ann)
    for page, of in pages(token).items():
        if of != kind:
            for answer in (client.get(page), client.post(page, {"sure": "on"})):
                assert answer.status_code in {404, 405}, page
    assert state(ann) == "confirmed"


@pytest.mark.parametrize("kind", ["confirm", "member", "access"])
@pytest.mark.parametrize("spoil", [lambda t: t[:-1], lambda t: f"x{t}", lambda t: f"{t}x"])
def test_a_forged_token_opens_nothing(client, ann, kind, spoil):
    for page in pages(spoil(made(kind, ann))):
        assert client.post(page, {"sure": "on"}).status_code in {404, 405}
    assert state(ann) == "confirmed"


class TestConfirm:
    def test_confirms_within_seven_days(self, client, waiting):
        page = f"/newsletters/confirm/{tokens.confirm_token(waiting)}/"
        with time_machine.travel(timezone.now() + timedelta(days=8)):
            assert client.post(page).status_code == 404
        assert state(waiting) == "pending"
        client.post(page)
        assert state(waiting) == "confirmed"

    def test_ends_with_unsubscribing(self, client, waiting):
        page = f"/newsletters/confirm/{tokens.confirm_token(waiting)}/"
        waiting.unsubscribe()
        assert client.post(page).status_code == 404

    def test_ends_with_a_change_of_address(self, client, waiting):
        page = f"/newsletters/confirm/{tokens.confirm_token(waiting)}/"
        waiting.move_to("new@example.com")
        assert client.post(page).status_code == 404
        assert state(waiting) == "pending"


class TestForwarded:
    """Someone else holds an issue with its links, and is not signed in."""

    @pytest.fixture
    def page(self, ann, subscribed, monthly) -> str:
        subscribed("ann@example.com", newsletter=monthly)
        user = get_user_model().objects.create_user("ann@example.com", name="Ann")
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        return f"/newsletters/preferences/{tokens.member_token(ann.pk)}/"

    def test_the_link_changes_this_subscription_only(self, client, page, ann, monthly):
        both = {"newsletters": [], "language": "fr"}
        client.post(page, both)
        other = monthly.subscriptions.get()
        assert (state(ann), ann.language) == ("unsubscribed", "fr")
        assert (other.state, other.language) == ("confirmed", "en")

    def test_it_cannot_subscribe_to_another_newsletter(self, client, page, ann, monthly):
        monthly.subscriptions.all().delete()
        client.post(page, {"newsletters": [ann.newsletter.pk, monthly.pk]})
        assert not monthly.subscriptions.exists()

    @pytest.mark.parametrize("action", ["export", "forget", "all", "notifications"])
    def test_it_neither_exports_nor_erases_nor_leads_into_the_account(
        self, client, page, ann, action
    ):
        answer = client.post(f"{page}{action}/", {"sure": "on"})
        assert answer.status_code in {302, 404, 405}
        assert answer.headers.get("Location", "/notifications/preferences/") == (
            "/notifications/preferences/"
        )
        assert client.get("/notifications/preferences/").status_code == 302  # to the sign-in
        assert state(ann) == "confirmed"

    def test_the_page_has_no_link_with_another_token(self, client, page):
        text = client.get(page).text
        token = page.split("/")[-2]
        assert set(re.findall(r"[\w-]{5,}\.[\w-]{20,}", text)) == {token}

    def test_everything_else_is_a_link_to_the_owner_that_works_for_an_hour(
        self, client, page, drain, ann
    ):
        answer = client.post(f"{page}link/", follow=True)
        assert "We have sent a link to ann@example.com" in answer.text
        drain()
        (message,) = mail.outbox
        assert message.to == ["ann@example.com"]
        (path,) = re.findall(r"mailroom\.test(/newsletters/preferences/all/\S+)", message.body)
        assert client.post(f"{path}export/").json()["address"] == "ann@example.com"
        with time_machine.travel(timezone.now() + timedelta(minutes=61)):
            for action in ("", "export/", "forget/"):
                assert client.post(f"{path}{action}", {"sure": "on"}).status_code == 404
        assert state(ann) == "confirmed"

    def test_links_to_one_address_are_limited(self, client, page, drain):
        for _ in range(8):
            assert client.post(f"{page}link/").status_code == 302
        drain()
        assert len(mail.outbox) == 5


class TestSignedIn:
    def test_all_newsletters_need_no_link(self, client, ann, monthly):
        assert "/accounts/login/" in client.get("/newsletters/preferences/all/")["Location"]
        user = get_user_model().objects.create_user("ann@example.com")
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        client.force_login(user)
        assert "Mailroom monthly" in client.get("/newsletters/preferences/all/").text
        client.post("/newsletters/preferences/all/", {"newsletters": []})
        assert state(ann) == "unsubscribed"

    def test_an_address_that_is_not_confirmed_reaches_nothing(self, client, ann):
        user = get_user_model().objects.create_user("ann@example.com")
        EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
        client.force_login(user)
        assert client.get("/newsletters/preferences/all/").status_code == 404
        assert client.post("/newsletters/preferences/all/", {}).status_code == 404
        assert state(ann) == "confirmed"


class TestAfterAChangeOfAddress:
    """The old mailbox is somebody else's by now."""

    @pytest.fixture
    def old(self, ann) -> str:
        token = tokens.member_token(ann.pk)
        account_sync.carry_along("ann@example.com", "secret-new@example.com")
        return token

    def test_the_old_links_unsubscribe(self, client, old, ann):
        assert client.post(f"/newsletters/unsubscribe/{old}/").status_code == 302
        assert state(ann) == "unsubscribed"

    def test_they_do_nothing_else(self, client, old, ann, drain):
        preferences = f"/newsletters/preferences/{old}/"
        client.post(preferences, {"language": "fr", "newsletters": [ann.newsletter.pk]})
        assert client.post(f"{preferences}link/").status_code == 404
        client.post(f"/newsletters/unsubscribe/{old}/")
        assert client.post(f"/newsletters/unsubscribe/{old}/undo/").status_code == 404
        assert client.post(f"/newsletters/unsubscribe/{old}/why/").status_code == 404
        drain()
        assert mail.outbox == []
        assert (state(ann), ann.language) == ("unsubscribed", "en")

    def test_they_do_not_show_the_new_address(self, client, old, ann):
        for page in ("unsubscribe", "preferences"):
            assert "secret-new" not in client.get(f"/newsletters/{page}/{old}/", follow=True).text
        client.post(f"/newsletters/unsubscribe/{old}/")
        assert "secret-new" not in client.get(f"/newsletters/unsubscribe/{old}/").text

    @pytest.mark.usefixtures("outbox_mailers")
    def test_the_next_issue_has_links_that_do_everything(self, client, old, ann, draft, drain):
        publish.publish(draft)
        drain()
        (message,) = mail.outbox
        assert message.to == ['"Ann" <secret-new@example.com>']
        assert Delivery.objects.get().values["moves"] == 1
        (path,) = re.findall(r"mailroom\.test(/newsletters/preferences/\S+)", message.body)
        client.post(path, {"language": "fr", "newsletters": [ann.newsletter.pk]})
        assert (state(ann), ann.language) == ("confirmed", "fr")

    def test_moving_back_does_not_revive_them(self, old, ann):
        account_sync.carry_along("secret-new@example.com", "ann@example.com")
        assert tokens.current_member(old) is None


class TestKeys:
    @pytest.mark.parametrize("kind", ["confirm", "member", "access"])
    def test_a_fallback_keeps_every_link_good(self, client, waiting, monkeypatch, kind):
        token = made(kind, waiting)
        (page, *_) = [page for page, of in pages(token).items() if of == kind]
        signers = (tokens._confirm, tokens._member, tokens._access)  # they read the key at start
        old = signers[0].key
        for one in signers:
            monkeypatch.setattr(one, "key", "another-key-" * 5)
        assert client.get(page).status_code == 404
        for one in signers:
            monkeypatch.setattr(one, "fallback_keys", [old])
        assert client.get(page).status_code == 200

    def test_an_unsubscribe_link_lasts_for_years(self, client, ann):
        token = tokens.member_token(ann.pk)
        with time_machine.travel(timezone.now() + YEARS):
            client.post(f"/newsletters/unsubscribe/{token}/")
        assert state(ann) == "unsubscribed"

    def test_no_token_names_the_address(self, ann):
        for kind in ("confirm", "member"):
            content = made(kind, ann).split(".")[0]
            assert "ann" not in signing.b64_decode(content.encode()).decode(errors="replace")
