"""Double opt-in: a form, a mail, a button."""

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailroom.models import Delivery, Suppression
from newsletters.models import Newsletter, Subscription
from newsletters.subscribers import tokens

PAGE = "/newsletters/weekly/"


@pytest.fixture
def subscribe(client, weekly, drain):
    def post(email: str = "ann@example.com", **data) -> str:
        response = client.post(PAGE, {"email": email, "name": "Ann", "website": "", **data})
        assert response.status_code == 302, response.context["form"].errors
        drain()
        return "".join(str(message) for message in client.get(PAGE).context["messages"])

    return post


def link_in(message) -> str:
    return re.search(r"http://mailroom\.test(/newsletters/confirm/\S+)", message.body)[1]


def the_one() -> Subscription:
    return Subscription.objects.get()


class TestTheForm:
    def test_asks_by_mail_through_registration(self, subscribe):
        subscribe()
        (message,) = mail.outbox
        assert message.to == ["ann@example.com"]
        assert message.sent_using == "registration"
        assert message.alternatives
        assert the_one().is_pending

    def test_keeps_when_where_and_what_was_agreed_to(self, subscribe):
        subscribe()
        assert the_one().consent_source == PAGE
        assert the_one().consent_ip == "127.0.0.1"
        assert "Mailroom weekly" in the_one().consent_wording
        assert timezone.now() - the_one().consent_at < timedelta(minutes=1)

    def test_what_was_asked_for_last_is_what_is_kept(self, subscribe):
        Subscription.objects.create(
            newsletter=Newsletter.objects.get(),
            email="ann@example.com",
            name="Rude words",
            consent_source="/elsewhere/",
        )
        subscribe()
        assert (the_one().name, the_one().consent_source) == ("Ann", PAGE)

    def test_answers_the_same_whether_known_or_not(self, subscribe, subscribed):
        subscribed("known@example.com")
        known, unknown = subscribe("known@example.com"), subscribe("unknown@example.com")
        assert known == unknown
        assert sorted(message.to for message in mail.outbox) == [
            ["known@example.com"],
            ["unknown@example.com"],
        ]

    def test_its_answer_is_true_for_a_newcomer_and_for_a_subscriber(self, client, weekly):
        page = weekly.get_absolute_url()
        text = client.post(page, {"email": "ann@example.com"}, follow=True).text
        assert "a button to confirm with" in text
        assert "if you’re already subscribed" in text

    def test_tells_a_subscriber_by_email_once_a_day(
        self, client, subscribe, subscribed, outbox_mailers
    ):
        with time_machine.travel(timezone.now(), tick=True) as clock:
            subscribed("ann@example.com", name="Ann", consent_source="/fair/")
            subscribe()
            subscribe(name="Rude words")
            (message,) = mail.outbox
            assert message.subject == "You're already subscribed to Mailroom weekly"
            assert (the_one().name, the_one().consent_source) == ("Ann", "/fair/")
            assert the_one().is_confirmed

            link = re.search(r"http://mailroom\.test(/newsletters/preferences/\S+)", message.body)[
                1
            ]
            assert "ann@example.com" in client.get(link).text
            clock.shift(timedelta(hours=25))
            subscribe()
            assert len(mail.outbox) == 2

    def test_runs_the_same_statements_for_every_address(self, client, weekly, subscribed):
        subscribed("confirmed@example.com")
        states = {"pending": timezone.now(), "unsubscribed": None}
        for state, sent_at in states.items():
            subscribed(f"{state}@example.com", state=state, confirmation_sent_at=sent_at)
        told = {}
        for state in ("new", "confirmed", "pending", "unsubscribed"):
            with CaptureQueriesContext(connection) as queries:
                client.post(PAGE, {"email": f"{state}@example.com", "name": "Ann"})
            told[state] = [re.split(r"\(|s\d+_x| SET ", one["sql"])[0] for one in queries]
        assert told["new"] == told["confirmed"] == told["pending"] == told["unsubscribed"]
        assert any(one.startswith("UPDATE") for one in told["new"])

    def test_upper_and_lower_case_are_one_address(self, subscribe):
        subscribe("Ann@Example.com")
        subscribe("ann@example.COM")
        assert the_one().email == "ann@example.com"

    def test_a_lost_confirmation_is_sent_again_after_ten_minutes_three_times_a_day(
        self, client, subscribe, outbox_mailers
    ):
        with time_machine.travel(timezone.now(), tick=True) as clock:
            subscribe()
            subscribe()
            assert len(mail.outbox) == 1
            for hours, sent in ((0.2, 2), (2, 3), (2, 3), (25, 4)):
                clock.shift(timedelta(hours=hours))
                subscribe()
                assert len(mail.outbox) == sent
            client.post(link_in(mail.outbox[-1]))
        assert the_one().is_confirmed

    def test_a_confirmation_that_was_refused_can_be_requested_again(
        self, client, subscribe, outbox_mailers
    ):
        with time_machine.travel(timezone.now(), tick=True) as clock:
            subscribe()
            Delivery.objects.update(state="failed", error="550 5.7.1 Not today")
            clock.shift(timedelta(minutes=11))
            subscribe()
        assert len(mail.outbox) == 2

    def test_a_program_gets_the_answer_and_nothing_else(self, subscribe):
        subscribe(website="https://spam.example")
        assert not Subscription.objects.exists()

    def test_the_name_does_not_reach_the_mail(self, subscribe):
        subscribe(name="Win money at https://spam.example")
        assert "spam.example" not in mail.outbox[0].message().as_string()

    @pytest.mark.parametrize(
        "name", ["Ann\nBcc: all@example.com", "Ann\r\nX: y", "A\u2028B", "A\0B"]
    )
    def test_line_ends_in_a_name_are_refused(self, client, weekly, name):
        response = client.post(PAGE, {"email": "ann@example.com", "name": name})
        assert response.status_code == 200
        assert response.context["form"].errors["name"]

    @pytest.mark.parametrize("email", ["", "ann", "ann@", "a@b.c\nBcc: x@example.com", "a@b..c"])
    def test_bad_addresses_are_refused(self, client, weekly, email):
        response = client.post(PAGE, {"email": email})
        assert response.context["form"].errors["email"]


class TestConfirming:
    def test_a_get_changes_nothing(self, client, subscribe):
        subscribe()
        assert client.get(link_in(mail.outbox[0])).status_code == 200
        assert client.head(link_in(mail.outbox[0])).status_code == 200
        assert the_one().is_pending

    def test_the_button_confirms(self, client, subscribe):
        subscribe()
        response = client.post(link_in(mail.outbox[0]), follow=True)
        assert the_one().is_confirmed
        assert "You are subscribed" in response.text
        assert response["Referrer-Policy"] == "no-referrer"
        assert "no-store" in response["Cache-Control"]

    def test_a_link_runs_out(self, client, subscribe):
        with time_machine.travel(timezone.now(), tick=True) as clock:
            subscribe()
            clock.shift(timedelta(days=8))
            assert client.post(link_in(mail.outbox[0])).status_code == 404
        assert the_one().is_pending

    @pytest.mark.parametrize("token", ["x", "e30.x.y", "a.b", "é", ".", "x" * 2000])
    def test_a_forged_link_is_not_found(self, client, weekly, token):
        assert client.post(f"/newsletters/confirm/{token}/").status_code == 404

    def test_the_links_of_issues_do_not_confirm(self, client, subscribed):
        waiting = subscribed("ann@example.com", state="pending")
        token = tokens.member_token(waiting.pk)
        assert client.post(f"/newsletters/confirm/{token}/").status_code == 404

    def test_who_left_must_confirm_anew(self, client, subscribe):
        subscribe()
        first = link_in(mail.outbox[0])
        client.post(first)
        the_one().unsubscribe()
        subscribe()
        assert the_one().is_pending
        assert client.post(first).status_code == 404
        client.post(link_in(mail.outbox[1]))
        assert the_one().is_confirmed

    def test_an_old_key_is_honoured_for_a_while(self, client, subscribe, settings):
        subscribe()
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-key-" * 5
        client.post(link_in(mail.outbox[0]))
        assert the_one().is_confirmed

    def test_another_waiting_newsletter_is_offered_and_not_preselected(
        self, client, subscribe, monthly
    ):
        subscribe()
        other = Subscription.objects.create(newsletter=monthly, email="ann@example.com")
        page = client.get(link_in(mail.outbox[0]))
        assert "Mailroom monthly" in page.text
        assert "checked" not in page.text
        client.post(link_in(mail.outbox[0]), {"also": [other.pk]})
        assert Subscription.objects.confirmed().count() == 2

    def test_only_the_same_address_can_be_added(self, client, subscribe, monthly):
        subscribe()
        other = Subscription.objects.create(newsletter=monthly, email="bob@example.com")
        client.post(link_in(mail.outbox[0]), {"also": [other.pk]})
        other.refresh_from_db()
        assert other.is_pending


def test_the_clock_sends_what_a_lost_task_forgot(weekly, drain):
    Subscription.objects.create(
        newsletter=weekly, email="ann@example.com", confirmation_wanted=True
    )
    drain()
    assert len(mail.outbox) == 1


class TestOneClick:
    @pytest.fixture
    def ann(self, client):
        user = get_user_model().objects.create_user("ann@example.com", None, name="Ann")
        client.force_login(user)
        return user

    def test_subscribes_a_confirmed_address_at_once(self, client, weekly, ann):
        EmailAddress.objects.create(user=ann, email=ann.email, verified=True, primary=True)
        assert "Subscribe with ann@example.com" in client.get(PAGE).text
        assert client.post(f"{PAGE}join/").status_code == 302
        assert the_one().is_confirmed
        assert "You are subscribed with" in client.get(PAGE).text

    def test_an_unconfirmed_address_has_to_use_the_form(self, client, weekly, ann):
        EmailAddress.objects.create(user=ann, email=ann.email, verified=False, primary=True)
        assert client.post(f"{PAGE}join/").status_code == 403
        assert not Subscription.objects.exists()

    def test_strangers_are_asked_to_log_in(self, client, weekly):
        assert client.post(f"{PAGE}join/").status_code == 302
        assert not Subscription.objects.exists()


class TestLimits:
    def ask(self, client, email: str):
        return client.post(PAGE, {"email": email, "name": ""})

    def test_a_visitor_may_ask_twenty_times_an_hour(self, client, weekly):
        answers = [self.ask(client, f"a{n}@example.com").status_code for n in range(21)]
        assert answers == [302] * 20 + [429]
        assert Subscription.objects.count() == 20

    def test_an_address_is_limited_wherever_it_is_asked_from_and_nothing_tells(
        self, client, weekly, settings
    ):
        settings.ACCOUNT_RATE_LIMITS = {"newsletter_address": "1/h/key"}
        first = self.ask(client, "ann@example.com")
        Subscription.objects.all().delete()
        second = self.ask(client, "ANN@example.com")
        assert not Subscription.objects.exists()
        assert (first.status_code, first.url) == (second.status_code, second.url)

    def test_confirming_by_mail_mends_a_bounce_and_outweighs_a_complaint(self, weekly):
        Suppression.objects.create(address="ann@example.com", reason="bounced")
        Suppression.objects.create(
            address="ann@example.com", channel="newsletters", reason="complained"
        )
        Subscription.objects.create(newsletter=weekly, email="ann@example.com").confirm()
        assert not Suppression.objects.active().exists()

    def test_one_click_by_log_in_proves_nothing_about_a_bounce(self, weekly):
        Suppression.objects.create(address="ann@example.com", reason="bounced")
        row = Subscription.objects.create(newsletter=weekly, email="ann@example.com")
        row.confirm(by_mail=False)
        assert Suppression.objects.active().exists()
