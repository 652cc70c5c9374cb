"""The home page shows which providers carry each channel, and what each carried."""

import pytest
from django.urls import reverse

from mailroom.config.channels import channels
from mailroom.config.mailers import MailerTree
from mailroom.config.urls import parse
from mailroom.models import Delivery, Message, OutcomeCount
from site_config.mailers import MESSAGE_TYPES
from tests.site_config.page import Page

pytestmark = pytest.mark.django_db
State = Delivery.State


def home(client) -> str:
    response = client.get(reverse("home"))
    assert response.status_code == 200
    return response.content.decode()


def channel_row(html: str, channel: str) -> str:
    """The text of a channel's row."""
    html = html.partition(f'id="channel-{channel}"')[2].partition('<li class="route"')[0]
    assert html, f"no row for {channel}"
    return Page(f"<i {html}").text


def deliver(channel: str, *states: str) -> None:
    message = Message.objects.create(channel=channel, from_email="a@example.com")
    for number, state in enumerate(states):
        Delivery.objects.create(
            message=message, channel=channel, address=f"{number}@example.com", state=state
        )
        if state not in {State.QUEUED, State.SENDING}:
            OutcomeCount.add({(channel, "memory", state): 1})


def test_every_channel_has_its_provider_and_its_types(client, outbox_mailers):
    html = home(client)

    for channel in channels():
        assert "memory" in channel_row(html, channel)
    for name, row in MESSAGE_TYPES.items():
        assert name in channel_row(html, row.channel)


def test_another_provider_for_one_channel_changes_that_row_only(client, settings, outbox_mailers):
    outbox_mailers["newsletters"]["OPTIONS"]["via"] = "bulk"
    settings.MAILERS = outbox_mailers | {"bulk": outbox_mailers["memory"]}

    html = home(client)

    assert "bulk" in channel_row(html, "newsletters")
    assert "memory" not in channel_row(html, "newsletters")
    assert "bulk" not in channel_row(html, "registration")


def test_counts_are_those_of_the_outbox_now(client, outbox_mailers):
    deliver("newsletters", State.SENT, State.SENT, State.QUEUED, State.FAILED)
    assert channel_row(home(client), "newsletters").count("Sent 2 Waiting 1 Failed 1")

    deliver("newsletters", State.SENT, State.SENDING, State.UNCERTAIN, State.SKIPPED)
    assert channel_row(home(client), "newsletters").count("Sent 3 Waiting 2 Failed 2")
    assert channel_row(home(client), "registration").count("Sent 0 Waiting 0 Failed 0")


@pytest.mark.parametrize(
    ("url", "shares"),
    [
        ("smtp+plain://127.0.0.1:2525", ["SMTP smtp:127.0.0.1:2525"]),
        ("ses://?region_name=eu-west-1", ["Amazon SES ses"]),
        ("inbox:", ["Inbox inbox"]),
        ("split(80 smtp://a.example 20 mailgun://K@m.example)",
         ["80 % SMTP smtp:a.example", "20 % Mailgun mailgun:m.example"]),
        ("failover(postmark://T brevo://K)", ["first Postmark postmark", "then Brevo brevo"]),
        ("quota(300/day resend://K smtps://a.example)",
         ["300 a day Resend resend", "then SMTP smtp:a.example"]),
        ("split(1 failover(postmark://T brevo://K) 1 sendgrid://K)",
         ["50 %, first Postmark", "50 %, then Brevo", "50 % SendGrid"]),
    ],
)  # fmt: skip
def test_providers_are_named_by_kind_share_and_place(client, settings, outbox_mailers, url, shares):
    tree = MailerTree()
    outbox_mailers["newsletters"]["OPTIONS"]["via"] = tree.add(parse(url))
    settings.MAILERS = outbox_mailers | tree.mailers
    settings.MAILER_URLS = tree.urls

    row = channel_row(home(client), "newsletters")

    for share in shares:
        assert share in row


def test_each_provider_of_a_channel_has_its_own_count(client, settings, outbox_mailers):
    tree = MailerTree()
    via = tree.add(parse("split(80 smtp://a.example 20 mailgun://K@m.example)"))
    outbox_mailers["newsletters"]["OPTIONS"]["via"] = via
    settings.MAILERS = outbox_mailers | tree.mailers
    settings.MAILER_URLS = tree.urls
    OutcomeCount.add({("newsletters", "smtp:a.example", "sent"): 1200})
    OutcomeCount.add({("newsletters", "mailgun:m.example", "sent"): 300})
    OutcomeCount.add({("newsletters", "mailgun:m.example", "failed"): 7})
    OutcomeCount.add({("registration", "mailgun:m.example", "sent"): 9})

    row = channel_row(home(client), "newsletters")

    assert "Sent 1,500" in row
    assert "smtp:a.example 1,200 sent" in row
    assert "mailgun:m.example 300 sent" in row


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
