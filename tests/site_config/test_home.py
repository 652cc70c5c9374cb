"""The home page shows, live, which mailer carries each channel."""

import re

import pytest
from django.urls import reverse

from mailroom.config.channels import channels
from mailroom.models import Delivery, Message, OutcomeCount
from site_config.mailers import MESSAGE_TYPES
from tests.site_config.page import Page

pytestmark = pytest.mark.django_db
State = Delivery.State


def home(client) -> str:
    response = client.get(reverse("home"))
    assert response.status_code == 200
    return response.content.decode()


def ledger_row(html: str, channel: str) -> str:
    """The text of a channel's row in the table."""
    match = re.search(rf'<tr id="channel-{channel}">.*?</tr>', html, re.DOTALL)
    assert match, f"no row for {channel}"
    return Page(match[0]).text


def deliver(channel: str, *states: str) -> None:
    message = Message.objects.create(channel=channel, from_email="a@example.com")
    for number, state in enumerate(states):
        Delivery.objects.create(
            message=message, channel=channel, address=f"{number}@example.com", state=state
        )
        if state not in {State.QUEUED, State.SENDING}:
            OutcomeCount.add({(channel, "memory", state): 1})


def test_every_channel_stands_with_its_mailer_and_its_kinds(client, outbox_mailers):
    html = home(client)

    for channel in channels():
        assert "memory" in ledger_row(html, channel)
    for name, row in MESSAGE_TYPES.items():
        assert name in ledger_row(html, row.channel)


def test_another_mailer_for_one_channel_changes_that_row_only(client, settings, outbox_mailers):
    outbox_mailers["newsletters"]["OPTIONS"]["via"] = "bulk"
    settings.MAILERS = outbox_mailers | {"bulk": outbox_mailers["memory"]}

    html = home(client)

    assert "bulk" in ledger_row(html, "newsletters")
    assert "memory" not in ledger_row(html, "newsletters")
    assert "bulk" not in ledger_row(html, "registration")


def test_counts_are_those_of_the_outbox_now(client, outbox_mailers):
    deliver("newsletters", State.SENT, State.SENT, State.QUEUED, State.FAILED)
    assert ledger_row(home(client), "newsletters").endswith("2 1 1")

    deliver("newsletters", State.SENT, State.SENDING, State.UNCERTAIN, State.SKIPPED)
    assert ledger_row(home(client), "newsletters").endswith("3 2 2")
    assert ledger_row(home(client), "registration").endswith("0 0 0")


def test_addresses_of_providers_stay_inside(client, settings, outbox_mailers):
    settings.MAILER_URLS = {"memory": "smtp://user:****@inside.example"}

    assert "inside.example" not in home(client)


def test_a_visitor_is_asked_to_sign_up_and_to_subscribe(client):
    links = Page(home(client)).links

    assert reverse("account_signup") in links
    assert reverse("newsletters:list") in links
    assert "/inbox/" not in links


def test_in_development_the_page_leads_to_the_inbox(client, settings):
    settings.DEBUG, settings.ROOT_URLCONF = True, "tests.site_config.urls"

    assert "/inbox/" in Page(home(client)).links


def test_it_only_reads(client):
    assert client.post(reverse("home")).status_code == 405
