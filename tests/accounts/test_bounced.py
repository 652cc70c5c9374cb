"""Somebody whose mail came back is told, and can show that it works again."""

import re

import pytest
from django.core import mail

from mailroom.models import Suppression


@pytest.fixture
def bounced(transactional_db, django_user_model, client, outbox_mailers):
    """Somebody who is logged in and whose address bounced."""
    user = django_user_model.objects.create_user("ann@example.com", "correct-horse-41")
    user.emailaddress_set.create(email=user.email, verified=True, primary=True)
    Suppression.objects.create(address=user.email, reason="bounced")
    return user


def log_in(client):
    return client.post(
        "/accounts/login/",
        {"login": "ann@example.com", "password": "correct-horse-41"},
        follow=True,
    )


def link() -> str:
    return re.search(r"http://mailroom\.test(/accounts/mend/\S+)", mail.outbox[-1].body)[1]


def test_they_are_told_at_log_in(client, bounced):
    page = log_in(client)
    assert "Our emails to ann@example.com bounce" in page.text
    assert 'href="/accounts/mend/"' in page.text


def test_others_are_not(client, bounced):
    Suppression.objects.get().lift("x")
    assert "bounce," not in log_in(client).text


def test_a_trial_goes_out_once_a_day_and_its_button_mends(client, bounced, drain):
    client.force_login(bounced)
    for _ in range(3):
        client.post("/accounts/mend/")
        drain()
    assert len(mail.outbox) == 1

    assert "Yes, it works" in client.get(link()).text
    assert Suppression.objects.active().exists()
    client.post(link())
    assert not Suppression.objects.active().exists()
    assert "No problems" in client.get("/accounts/mend/").text


@pytest.mark.parametrize("spoil", [lambda path: path[:-2] + "/", lambda path: path + "x/"])
def test_a_forged_link_mends_nothing(client, bounced, drain, spoil):
    client.force_login(bounced)
    client.post("/accounts/mend/")
    drain()
    assert client.post(spoil(link())).status_code == 404
    assert Suppression.objects.active().exists()


def test_the_link_of_an_address_that_was_left_mends_nothing(client, bounced, drain):
    client.force_login(bounced)
    client.post("/accounts/mend/")
    drain()
    type(bounced).objects.update(email="new@example.com")
    assert client.post(link()).status_code == 404


def test_a_reset_that_was_used_mends(client, bounced, drain):
    client.post("/accounts/password/reset/", {"email": "ann@example.com"})
    drain()
    found = re.search(
        r"http://mailroom\.test(/accounts/password/reset/key/\S+)", mail.outbox[0].body
    )
    page = client.get(found[1], follow=True)
    words = {"password1": "another-horse-42", "password2": "another-horse-42"}
    client.post(page.request["PATH_INFO"], words)
    assert not Suppression.objects.active().exists()
