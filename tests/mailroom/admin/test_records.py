"""The outbox in the admin: found, read without secrets, sent again when a person says so."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.utils.timezone import now

from mailroom.admin.timeline import timeline
from mailroom.messages import TemplatedMessage
from mailroom.models import Attempt, Delivery, Event, Message, Suppression
from mailroom.outbox import Recipient, add_deliveries, freeze
from mailroom.outbox.control import queue_again

MESSAGES = "/admin/mailroom/message/"
DELIVERIES = "/admin/mailroom/delivery/"
HTML = "text/html"
State = Delivery.State

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("outbox_mailers")]


@pytest.fixture
def desk(client):
    client.force_login(
        get_user_model().objects.create_superuser("chief@example.com", password=None)
    )
    return client


@pytest.fixture
def letter() -> Message:
    mail = EmailMultiAlternatives("News for \ue000name\ue001", "Plain news", to=[])
    mail.attach_alternative("<p>Rich <b>news</b></p><script>alert(1)</script>", "text/html")
    return freeze(mail, "newsletters")


def given(letter: Message, address: str, state: str = State.FAILED, **fields) -> Delivery:
    add_deliveries(letter, [Recipient(address)])
    Delivery.objects.filter(address=address).update(state=state, **fields)
    return Delivery.objects.get(address=address)


def ask(desk, *deliveries: Delivery, **more):
    data = {"action": "send_again", "_selected_action": [one.pk for one in deliveries], **more}
    return desk.post(DELIVERIES, data, follow=True)


def test_signed_links_are_masked_in_bodies_errors_and_reports(desk, settings):
    """Of a type that is not marked as secret, such as email of another app."""
    signed = signing.dumps({"user": 1})
    key = default_token_generator.make_token(get_user_model()(pk=1))
    mailbox = f"leave+{'a2' * 13}@example.com"
    links = [
        f"https://a.example/open/{signed}/",
        f"https://a.example/?key={quote(signed)}",
        f"https://a.example/reset/MQ/{key}/",
        f"https://a.example/go?to=%2Fopen%2F{quote(signed)}",
        f"mailto:{mailbox}",
    ]
    plain = "https://a.example/weekly/a-title-that-is-quite-long-for-an-issue-of-ours/"
    picture = f"https://a.example/pictures/{'0' * 64}.png"
    words = " ".join([*links, plain, picture])
    mail = EmailMultiAlternatives(f"Open {links[0]}", words, to=[])
    mail.attach_alternative(f"<a href='{links[0]}'>a</a> <img src='{picture}'> {words}", HTML)
    row = given(freeze(mail, "newsletters"), "ann@example.com", error=words)
    Attempt.objects.create(delivery=row, outcome="refused", error=words)
    event = Event.objects.create(
        provider="p", event_id="1", kind="rejected", delivery=row, description=words
    )
    suppression = Suppression.objects.create(
        address="ann@example.com", reason="bounced", evidence=words
    )
    pages = [
        f"{MESSAGES}{row.message_id}/change/", f"{MESSAGES}{row.message_id}/frame/", MESSAGES,
        f"{DELIVERIES}{row.pk}/change/", DELIVERIES,
        f"/admin/mailroom/event/{event.pk}/change/", "/admin/mailroom/event/",
        f"/admin/mailroom/suppression/{suppression.pk}/change/",
        f"/admin/mailroom/suppression/{suppression.pk}/lift/",
    ]  # fmt: skip
    for page in pages:
        text = desk.get(page).text
        assert not [one for one in (signed, quote(signed), key, mailbox) if one in text], page
    shown = desk.get(pages[1]).text
    assert plain in shown
    assert picture in shown


class TestReading:
    def test_deliveries_are_found_by_address_error_and_state(self, desk, letter):
        given(letter, "ann@example.com", error="550 no such person")
        given(letter, "bob@example.com", state=State.SENT)

        for query in ("q=ann%40", "q=no+such", "state__exact=failed"):
            page = desk.get(f"{DELIVERIES}?{query}").text
            assert "ann@example.com" in page
            assert "bob@example.com" not in page
        assert "failed: 550 no such person" in page

    def test_a_message_shows_its_bodies_and_what_became_of_it(self, desk, letter):
        given(letter, "ann@example.com")

        page = desk.get(f"{MESSAGES}{letter.pk}/change/").text

        assert "Plain news" in page
        assert "News for {name}" in page
        assert "1 failed" in page
        assert f"{MESSAGES}{letter.pk}/frame/" in page

    def test_its_html_stands_in_a_frame_that_can_do_nothing(self, desk, letter):
        answer = desk.get(f"{MESSAGES}{letter.pk}/frame/")

        assert "<b>news</b>" in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "sandbox" in policy

    def test_a_delivery_shows_its_timeline_and_links_to_its_person(self, desk, letter):
        from newsletters.models import Newsletter, Subscription

        address = "ann@example.com"
        delivery = given(letter, address, error="550 no", alias="memory", finished_at=now())
        newsletter = Newsletter.objects.create(name="Weekly", slug="weekly")
        Subscription.objects.create(newsletter=newsletter, email=address)
        Suppression.objects.create(address=address, reason="bounced")
        get_user_model().objects.create_user(address)
        queue_again(Delivery.objects.filter(pk=delivery.pk))

        page = desk.get(f"{DELIVERIES}{delivery.pk}/change/").text

        assert page.index("failed at memory: 550 no") < page.index("queued again")
        assert "Subscriber of Weekly" in page
        assert f"Account of {address}" in page
        assert "Suppression (" in page

    def test_a_secret_is_shown_nowhere(self, desk):
        link = "https://mailroom.test/reset/very-secret"
        context = {"password_reset_url": link, "email": "ann@example.com"}
        TemplatedMessage("accounts.password_reset", to=["ann@example.com"], context=context).send()
        message = Message.objects.get()
        assert "very-secret" in message.body

        pages = [MESSAGES, f"{MESSAGES}{message.pk}/change/", DELIVERIES]
        pages += [f"{DELIVERIES}{message.deliveries.get().pk}/change/"]
        for page in pages:
            assert "very-secret" not in desk.get(page).text
        assert desk.get(f"{MESSAGES}{message.pk}/frame/").status_code == 404

    def test_nothing_can_be_added_changed_or_deleted(self, desk, letter):
        delivery = given(letter, "ann@example.com")

        for row in (f"{MESSAGES}{letter.pk}/", f"{DELIVERIES}{delivery.pk}/"):
            assert desk.post(f"{row}delete/", {"post": "yes"}).status_code == 403
            assert desk.post(f"{row}change/", {"channel": "ops"}).status_code == 403
        assert desk.get(f"{DELIVERIES}add/").status_code == 403

    def test_the_list_reads_no_bodies(self, desk, letter, django_assert_max_num_queries):
        for number in range(30):
            given(letter, f"{number}@example.com")

        with django_assert_max_num_queries(15) as queries:
            desk.get(DELIVERIES)

        assert not any('"mailroom_message"."body"' in query["sql"] for query in queries)


class TestSendingAgain:
    def test_it_asks_first_with_numbers(self, desk, letter):
        failed = given(letter, "ann@example.com")
        doubtful = given(letter, "bob@example.com", State.UNCERTAIN)
        sent = given(letter, "cy@example.com", State.SENT)

        page = ask(desk, failed, doubtful, sent).text

        assert "<strong>2 deliveries</strong> are queued again" in page
        assert "1 of them is uncertain" in page
        assert "1 is left out" in page
        assert not Delivery.objects.queued().exists()

    def test_then_it_queues_what_failed_and_what_is_uncertain(self, desk, letter):
        failed = given(letter, "ann@example.com", attempts=7, error="550 no")
        doubtful = given(letter, "bob@example.com", State.UNCERTAIN)
        sent = given(letter, "cy@example.com", State.SENT)

        page = ask(desk, failed, doubtful, sent, confirmed="1").text

        assert "2 deliveries are queued again." in page
        assert set(Delivery.objects.queued()) == {failed, doubtful}
        assert LogEntry.objects.filter(change_message="Sent again.").count() == 2

    def test_what_is_queued_again_arrives(self, desk, letter, drain, mailoutbox):
        ask(desk, given(letter, "ann@example.com"), confirmed="1")

        drain()

        assert [mail.to for mail in mailoutbox] == [["ann@example.com"]]

    def test_one_delivery_has_a_page_of_its_own_to_ask(self, desk, letter):
        delivery = given(letter, "ann@example.com")
        again = f"{DELIVERIES}{delivery.pk}/again/"

        assert again in desk.get(f"{DELIVERIES}{delivery.pk}/change/").text
        assert "ann@example.com" in desk.get(again).text
        assert not Delivery.objects.queued().exists()

        desk.post(again)
        assert Delivery.objects.queued().exists()

    def test_all_of_a_long_list_are_queued_whatever_the_page_shows(self, desk, letter):
        add_deliveries(letter, (Recipient(f"{number}@example.com") for number in range(1200)))
        Delivery.objects.update(state=State.FAILED)

        ask(desk, Delivery.objects.last(), select_across="1", confirmed="1")

        assert Delivery.objects.queued().count() == 1200

    def test_erased_content_cannot_be_sent_again(self, desk, letter):
        delivery = given(letter, "ann@example.com")
        letter.erase()

        page = ask(desk, delivery, confirmed="1").text

        assert "0 deliveries are queued again." in page
        assert "again" not in desk.get(f"{DELIVERIES}{delivery.pk}/change/").text.lower()

    def test_who_may_only_look_may_not_send(self, client, letter):
        delivery = given(letter, "ann@example.com")
        clerk = get_user_model().objects.create_user("clerk@example.com", is_staff=True)
        clerk.user_permissions.add(Permission.objects.get(codename="view_delivery"))
        client.force_login(clerk)

        assert client.post(f"{DELIVERIES}{delivery.pk}/again/").status_code == 403
        ask(client, delivery, confirmed="1")
        assert not Delivery.objects.queued().exists()


def test_an_address_is_suppressed_by_hand_until_somebody_lifts_it(desk, letter, drain, mailoutbox):
    desk.post(
        "/admin/mailroom/suppression/add/",
        {"address": "ANN@example.com", "channel": "", "reason": "manual", "note": "", "until": ""},
    )
    add_deliveries(letter, [Recipient("ann@example.com"), Recipient("bob@example.com")])

    drain()

    assert [mail.to for mail in mailoutbox] == [["bob@example.com"]]
    assert Delivery.objects.get(address="ann@example.com").reason == "suppressed"


@pytest.mark.parametrize(("ago", "last"), [(1, "delivered"), (60, "sent through postmark")])
def test_a_report_just_before_the_acceptance_follows_it_in_the_timeline(ago, last):
    at = now()
    message = Message.objects.create(channel="bulletin", from_email="a@example.com")
    row = Delivery.objects.create(
        message=message, channel="bulletin", address="ann@example.com", state="sent",
        alias="postmark", created_at=at - timedelta(hours=1), finished_at=at,
    )  # fmt: skip
    Event.objects.create(
        provider="Postmark", event_id="1", kind="delivered", delivery=row,
        happened_at=at - timedelta(seconds=ago),
    )  # fmt: skip

    assert timeline(row)[-1].what == last
