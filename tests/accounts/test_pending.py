"""A sign-up that waits: the email again, another address, and links that were used."""

import pytest
from django.core import mail
from django.test import Client

from accounts.models import User
from mailroom.models import Delivery
from newsletters.models import Newsletter, Subscription
from tests.accounts.conftest import PASSWORD, path_in
from tests.accounts.test_enumeration import tokenless

WAITING = "/accounts/confirm-email/"


def sign_up(client, email: str, **more) -> None:
    form = {"email": email, "password1": PASSWORD, "password2": PASSWORD, **more}
    assert client.post("/accounts/signup/", form).url == WAITING


def is_inside(client) -> bool:
    return client.get("/accounts/profile/").status_code == 200


def test_signing_up_needs_no_name_and_takes_the_browsers_time_zone(client, the_mail):
    sign_up(client, "new@example.com", time_zone="Europe/Paris")

    user = User.objects.get()
    assert (user.name, user.time_zone) == ("", "Europe/Paris")


def test_a_time_zone_that_does_not_exist_is_utc(client):
    sign_up(client, "new@example.com", time_zone="Mars/Olympus")

    assert User.objects.get().time_zone == "UTC"


def test_the_email_can_be_sent_again(client, the_mail):
    sign_up(client, "new@example.com")
    first = the_mail()

    client.post(WAITING, {"resend": ""})

    again = the_mail()
    assert (again.to, again.subject) == (first.to, first.subject)
    client.post(path_in(again))
    assert is_inside(client)


def test_a_mistyped_address_can_be_corrected(client, the_mail):
    sign_up(client, "new@exmaple.com", name="Ned")
    the_mail()

    client.post(WAITING, {"email": "new@example.com"})

    message = the_mail()
    assert message.to == ["new@example.com"]
    assert [(user.email, user.name) for user in User.objects.all()] == [("new@example.com", "Ned")]
    client.post(path_in(message))
    assert is_inside(client)


def test_correcting_changes_no_account_of_somebody_else(client, ann):
    sign_up(client, ann.email)

    client.post(WAITING, {"email": "new@example.com"})

    assert User.objects.filter(email=ann.email).exists()


def test_correcting_ends_no_subscription_of_the_wrong_address(client):
    weekly = Newsletter.objects.create(name="Weekly", slug="weekly")
    Subscription.objects.create(newsletter=weekly, email="ann@example.com", state="confirmed")
    sign_up(client, "ann@example.com")

    client.post(WAITING, {"email": "new@example.com"})

    assert not User.objects.filter(email="ann@example.com").exists()
    assert Subscription.objects.get().is_confirmed


def test_an_address_that_was_signed_up_elsewhere_keeps_its_account(client):
    sign_up(Client(), "new@example.com")
    sign_up(client, "new@example.com")

    client.post(WAITING, {"email": "other@example.com"})

    assert User.objects.filter(email="new@example.com").exists()


@pytest.mark.parametrize("form", [{"resend": ""}, {"email": "third@example.com"}])
def test_the_pages_are_the_same_for_an_address_with_an_account(form, ann):
    pages = []
    for email in (ann.email, "nobody@example.com"):
        client = Client()
        sign_up(client, email)
        answer = client.post(WAITING, form)
        page = client.get(answer.url)
        pages.append((answer.status_code, sorted(client.cookies), tokenless(page, email)))
        mine = Delivery.objects.order_by("-pk").first()
        assert mine.address == form.get("email", email)
        Delivery.objects.all().delete()
        User.objects.exclude(pk=ann.pk).delete()

    assert pages[0] == pages[1]


def test_sending_again_has_a_limit_that_shows_on_no_page(client):
    sign_up(client, "new@example.com")

    answers = {client.post(WAITING, {"resend": ""}).status_code for _ in range(8)}

    assert answers == {302}
    assert Delivery.objects.count() == 6


def test_a_used_link_says_that_the_address_is_confirmed(client, the_mail):
    sign_up(client, "new@example.com")
    link = path_in(the_mail())
    Client().post(link)

    for page in (client.get(link), client.post(link)):
        assert page.status_code == 200
        assert "Already confirmed" in page.text


def test_a_link_of_nobody_says_what_to_do(client):
    page = client.get("/accounts/confirm-email/MQ:1abc:nonsense/")

    assert "This link no longer works" in page.text
    assert mail.outbox == []


def test_nothing_waits_for_a_visitor_who_did_not_sign_up(client):
    assert client.post(WAITING, {"resend": ""}).url == "/accounts/signup/"
    assert "Wrong address?" not in client.get(WAITING).text
