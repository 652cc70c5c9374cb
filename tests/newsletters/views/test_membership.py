"""Out by one click, and by one's own choice."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client
from django.utils import timezone

from mailroom import signals
from mailroom.models import Delivery, Message
from mailroom.worker import jobs
from newsletters.models import Subscription
from newsletters.subscribers import tokens

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def ann(subscribed) -> Subscription:
    return subscribed("ann@example.com", "Ann")


def url(subscription: Subscription, page: str = "unsubscribe") -> str:
    return f"/newsletters/{page}/{tokens.member_token(subscription.pk)}/"


def is_in(subscription: Subscription) -> bool:
    subscription.refresh_from_db()
    return subscription.is_confirmed


class TestOneClick:
    """RFC 8058, section 3.2: a POST without cookies, answered without a redirect."""

    @pytest.mark.parametrize("encoding", ["urlencoded", "multipart"])
    def test_a_provider_posts_three_times(self, ann, subscribed, monthly, encoding):
        elsewhere = subscribed("ann@example.com", newsletter=monthly)
        provider = Client(enforce_csrf_checks=True)
        body = "List-Unsubscribe=One-Click"
        kind = {"content_type": "application/x-www-form-urlencoded"}
        args = (ONE_CLICK, {}) if encoding == "multipart" else (body, kind)
        for _ in range(3):
            response = provider.post(url(ann), args[0], **args[1])
            assert response.status_code == 200
            assert not response.cookies
        assert not is_in(ann)
        assert is_in(elsewhere)

    def test_a_provider_that_drops_the_slash(self, ann):
        answer = Client(enforce_csrf_checks=True).post(url(ann).rstrip("/"), ONE_CLICK)
        assert answer.status_code == 200
        assert not is_in(ann)

    def test_a_chunked_body(self, ann):
        """WSGI gives it no length, so that Django reads none of it."""
        answer = Client(enforce_csrf_checks=True).generic(
            "POST",
            url(ann),
            b"",
            content_type="application/x-www-form-urlencoded",
            headers={"Transfer-Encoding": "chunked"},
        )
        assert answer.status_code == 200
        assert not is_in(ann)

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("application/x-www-form-urlencoded; charset=ISO-8859-1", "List-Unsubscribe=One-Click"),
            ("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click\r\n"),
            ("Application/X-WWW-Form-URLEncoded", "List-Unsubscribe=one-click"),
            ("text/plain", "List-Unsubscribe=One-Click"),
            ("application/json", '{"List-Unsubscribe": "One-Click"}'),
        ],
    )
    def test_a_provider_that_writes_it_in_its_own_way(self, ann, kind, body):
        provider = Client(enforce_csrf_checks=True)
        answer = provider.post(url(ann), body, content_type=kind)
        assert answer.status_code == 200
        assert not is_in(ann)

    def test_get_and_head_change_nothing(self, client, ann):
        for _ in range(20):
            assert client.get(url(ann)).status_code == 200
            assert client.head(url(ann)).status_code == 200
        assert is_in(ann)

    @pytest.mark.parametrize("spoil", [lambda t: t[:-1], lambda t: "x" + t, lambda t: t + "x"])
    def test_forged_links_are_not_found(self, client, ann, spoil):
        token = tokens.member_token(ann.pk)
        response = client.post(f"/newsletters/unsubscribe/{spoil(token)}/", ONE_CLICK)
        assert response.status_code == 404
        assert is_in(ann)

    def test_a_link_to_confirm_does_not_unsubscribe(self, client, ann):
        token = tokens.confirm_token(ann)
        assert client.post(f"/newsletters/unsubscribe/{token}/", ONE_CLICK).status_code == 404
        assert is_in(ann)

    def test_works_for_years_and_with_the_key_before(self, client, ann, settings):
        address = url(ann)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-key-" * 5
        with time_machine.travel(timezone.now() + timedelta(days=2000)):
            assert client.post(address, ONE_CLICK).status_code == 200
        assert not is_in(ann)


class TestThePage:
    def test_unsubscribes_by_its_button_and_offers_to_undo(self, client, ann):
        response = client.post(url(ann), follow=True)
        assert not is_in(ann)
        assert "Unsubscribed by mistake? Resubscribe" in response.text
        client.post(f"{url(ann)}undo/")
        assert is_in(ann)

    def test_undo_is_offered_for_an_hour(self, client, ann):
        client.post(url(ann))
        with time_machine.travel(timezone.now() + timedelta(hours=2)):
            assert "undo" not in client.get(url(ann)).text
            client.post(f"{url(ann)}undo/")
        assert not is_in(ann)

    def test_undo_is_a_post(self, client, ann):
        client.post(url(ann))
        assert client.get(f"{url(ann)}undo/").status_code == 405
        assert not is_in(ann)

    def test_undo_does_not_confirm_who_never_did(self, client, subscribed):
        waiting = subscribed("bob@example.com", state="pending", confirmed_at=None)
        client.post(url(waiting))
        client.post(f"{url(waiting)}undo/")
        assert not is_in(waiting)


def test_an_old_mail_of_who_was_deleted_is_no_error(client, ann):
    address = url(ann)
    ann.delete()
    assert client.post(address, ONE_CLICK).status_code == 200
    assert client.post(f"{address[:-3]}/", ONE_CLICK).status_code == 404
    assert client.get(address).status_code == 404


class TestPreferences:
    def test_shows_this_subscription(self, client, ann, monthly):
        page = client.get(url(ann, "preferences"))
        assert page.context["form"].initial["newsletters"].get() == ann.newsletter
        assert "Mailroom weekly" in page.text
        assert "Mailroom monthly" not in page.text

    def test_off(self, client, ann):
        client.post(url(ann, "preferences"), {"newsletters": []})
        assert not is_in(ann)

    def test_on_again_asks_by_email(self, client, ann, drain):
        ann.unsubscribe()
        client.post(url(ann, "preferences"), {"newsletters": [ann.newsletter.pk]})
        drain()
        ann.refresh_from_db()
        assert ann.is_pending
        assert [message.to for message in mail.outbox] == [["ann@example.com"]]

    def test_needs_the_token_of_the_page(self, ann):
        outsider = Client(enforce_csrf_checks=True)
        assert outsider.post(url(ann, "preferences"), {}).status_code == 403
        assert is_in(ann)


class TestWhy:
    def test_may_be_told_after_leaving(self, client, ann):
        client.post(url(ann))
        client.post(f"{url(ann)}why/", {"left_because": "too_often"})
        ann.refresh_from_db()
        assert ann.left_because == "too_often"
        assert ann.is_unsubscribed

    @pytest.mark.parametrize("answer", ["", "rubbish"])
    def test_is_one_of_those_offered(self, client, ann, answer):
        client.post(url(ann))
        client.post(f"{url(ann)}why/", {"left_because": answer})
        ann.refresh_from_db()
        assert ann.left_because == ""

    def test_is_not_asked_of_who_stays(self, client, ann):
        client.post(f"{url(ann)}why/", {"left_because": "other"})
        ann.refresh_from_db()
        assert ann.left_because == ""


class TestProvidersWord:
    """A complaint, or leaving by the provider's own link, tells of one mail."""

    @pytest.fixture
    def delivery(self, ann):
        message = Message.objects.create(type="newsletters.issue", channel="newsletters")
        return Delivery.objects.create(
            message=message, address=ann.email, values={"subscription": ann.pk}
        )

    @pytest.mark.parametrize("signal", [signals.complained, signals.unsubscribed])
    def test_ends_the_subscription_of_that_mail(self, ann, subscribed, monthly, delivery, signal):
        other = subscribed("ann@example.com", newsletter=monthly)
        signal.send(None, address=ann.email, delivery=delivery)
        assert not is_in(ann)
        assert is_in(other)
        assert ann.left_by == delivery

    def test_about_another_kind_of_mail_ends_none(self, ann, delivery):
        delivery.message.type = "notifications.announcement"
        signals.complained.send(None, address=ann.email, delivery=delivery)
        assert is_in(ann)

    def test_about_a_mail_unknown_ends_all(self, ann, subscribed, monthly):
        other = subscribed("ann@example.com", newsletter=monthly)
        signals.complained.send(None, address="Ann@Example.com", delivery=None)
        assert not is_in(ann)
        assert not is_in(other)


def test_leaving_by_a_mails_link_says_which_mail(client, ann):
    message = Message.objects.create(type="newsletters.issue", channel="newsletters")
    delivery = Delivery.objects.create(message=message, address=ann.email)
    token = tokens.member_token(ann.pk, delivery.pk)
    client.post(f"/newsletters/unsubscribe/{token}/", ONE_CLICK)
    ann.refresh_from_db()
    assert ann.left_by == delivery


def test_a_link_whose_mail_is_long_deleted_still_leads_out(client, ann):
    token = tokens.member_token(ann.pk, 987_654)
    assert client.post(f"/newsletters/unsubscribe/{token}/", ONE_CLICK).status_code == 200
    assert not is_in(ann)
    assert ann.left_by is None


class TestOwnData:
    """By the link that is emailed to the address."""

    @pytest.fixture
    def page(self, ann) -> str:
        return f"/newsletters/preferences/all/{tokens.access_token(ann.email)}/"

    def test_all_newsletters_and_the_language_of_all_emails(self, client, page, ann, monthly):
        other = Subscription.objects.create(
            newsletter=monthly, email=ann.email, state="confirmed", confirmed_at=timezone.now()
        )
        client.post(page, {"newsletters": [monthly.pk], "language": "fr"})
        other.refresh_from_db()
        assert other.language == "fr"
        assert is_in(other)
        assert not is_in(ann)

    def test_another_newsletter_is_confirmed_by_email(self, client, page, ann, monthly, drain):
        client.post(page, {"newsletters": [ann.newsletter.pk, monthly.pk]})
        drain()
        assert is_in(ann)
        assert monthly.subscriptions.get().is_pending
        assert [message.to for message in mail.outbox] == [["ann@example.com"]]

    def test_download(self, client, page):
        answer = client.post(f"{page}export/")
        (row,) = answer.json()["subscriptions"]
        assert (row["newsletter"], row["email"]) == ("Mailroom weekly", "ann@example.com")
        assert "attachment" in answer["Content-Disposition"]

    def test_nothing_is_deleted_by_a_slip(self, client, page, ann):
        answer = client.post(f"{page}forget/", follow=True)
        assert "tick the box" in answer.text
        assert is_in(ann)

    def test_deleted_is_deleted(self, client, page, subscribed, monthly):
        subscribed("ann@example.com", newsletter=monthly)
        bob = subscribed("bob@example.com")
        for _ in range(2):
            answer = client.post(f"{page}forget/", {"sure": "on"}, follow=True)
            assert "has been deleted" in answer.text
        assert list(Subscription.objects.all()) == [bob]

    def test_an_account_stays_and_the_page_says_so(self, client, page, ann):
        get_user_model().objects.create_user("ann@example.com")
        answer = client.post(f"{page}forget/", {"sure": "on"}, follow=True)
        assert "Your account was not deleted." in answer.text
        assert get_user_model().objects.count() == 1

    @pytest.mark.parametrize("action", ["export", "forget"])
    def test_neither_is_a_get(self, client, page, ann, action):
        assert client.get(f"{page}{action}/").status_code == 405
        assert is_in(ann)


@pytest.mark.django_db(transaction=True)  # the database checks foreign keys at the commit
def test_an_old_email_by_which_somebody_left_is_deleted_after_the_retention(ann):
    message = Message.objects.create(channel="newsletters", created_at=timezone.now())
    left_by = Delivery.objects.create(
        message=message, channel="newsletters", address=ann.email, state=Delivery.State.SENT
    )
    ann.unsubscribe(delivery=left_by)
    Message.objects.update(created_at=timezone.now() - timedelta(days=10_000))

    jobs.delete_old_messages()

    ann.refresh_from_db()
    assert not Delivery.objects.exists()
    assert (ann.is_unsubscribed, ann.left_by_id) == (True, None)
