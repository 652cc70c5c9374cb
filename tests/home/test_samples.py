"""Whoever is signed in sends themselves one of each kind of email, and sees each timeline."""

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from home.samples import CHANNELS
from mailroom.config.mailers import MailerTree
from mailroom.config.urls import parse
from mailroom.models import Attempt, Delivery, Event, Message, Suppression
from tests.site_config.page import Page

ADDRESS = "asha@example.com"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _own_counts(settings, outbox_mailers, request) -> None:
    memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    settings.CACHES = {"default": {**memory, "LOCATION": request.node.nodeid}}


@pytest.fixture
def asha(client, db) -> User:
    user = User.objects.create_user(ADDRESS)
    user.emailaddress_set.create(email=ADDRESS, verified=True, primary=True)
    client.force_login(user)
    return user


def ask(client):
    return client.post(reverse("samples"))


def live(client) -> str:
    """What htmx gets of the page."""
    return client.get("/", headers=HTMX).content.decode()


def shown(client, channel: str) -> str:
    """The text of a channel's sample in the live part of the page."""
    html = live(client).partition(f'id="sample-{channel}"')[2].partition("</article>")[0]
    assert html, f"no sample of {channel}"
    return Page(f"<i {html}").text


def test_one_goes_by_each_channel_and_shows_its_timeline(client, asha, drain) -> None:
    answer = ask(client)

    assert answer.headers["Location"] == "/#samples"
    assert {one.channel for one in Delivery.objects.all()} == set(CHANNELS)
    assert "queued" in shown(client, "password_reset")

    drain()

    assert sorted(one.sent_using for one in mail.outbox) == ["memory"] * 4
    assert {one.to[0] for one in mail.outbox} == {ADDRESS}
    assert all(one.subject.startswith("Sample: ") for one in mail.outbox)
    for channel in CHANNELS:
        assert "sent through memory" in shown(client, channel)


def test_what_providers_report_joins_the_timelines(client, asha, drain) -> None:
    ask(client)
    drain()
    rows = Delivery.objects.filter(channel="notifications")
    rows.update(alias="postmark")
    assert 'hx-trigger="every 2s"' in live(client), "the page watches for the report"
    Attempt.objects.create(
        delivery=rows.get(), alias="mailgun", outcome="refused", error="503 down"
    )
    Event.objects.create(provider="Postmark", event_id="1", kind="delivered", delivery=rows.get())
    rows.update(feedback="delivered")

    text = shown(client, "notifications")

    assert "mailgun refused: 503 down" in text
    assert text.endswith("delivered")
    assert 'hx-trigger="every 2s"' not in live(client)


def test_the_counts_of_the_channels_follow_too(client, asha, drain) -> None:
    ask(client)
    drain()

    html = live(client)

    for part in ("counts", "providers"):
        assert f'id="{part}-newsletters" hx-swap-oob="true"' in html
    assert "hx-swap-oob" not in client.get("/").content.decode()
    counts = html.partition('id="counts-newsletters"')[2].partition("</dl>")[0]
    assert Page(f"<i {counts}").text.endswith("Sent 1 Waiting 0 Failed 0")


def test_the_page_asks_again_until_all_have_arrived(client, asha, drain) -> None:
    ask(client)
    home = client.get("/").content.decode()
    assert 'hx-get="/" hx-trigger="every 2s"' in home
    assert "queued" in home

    drain()

    assert 'hx-get="/" ' not in client.get("/").content.decode()


def test_four_samples_cost_no_more_queries_than_one(client, asha, drain) -> None:
    ask(client)
    drain()
    with CaptureQueriesContext(connection) as of_four:
        live(client)
    Delivery.objects.exclude(channel="registration").update(address="ben@example.com")
    with CaptureQueriesContext(connection) as of_one:
        live(client)

    assert len(of_four) == len(of_one)


def test_what_is_stopped_says_why(client, asha, drain) -> None:
    Suppression.objects.create(address=ADDRESS, reason="complained", channel="newsletters")
    ask(client)
    drain()

    assert "skipped: suppressed" in shown(client, "newsletters")
    assert "sent" in shown(client, "registration")


def test_in_development_each_leads_to_its_email(client, asha, drain, settings, tmp_path) -> None:
    settings.DEBUG, settings.ROOT_URLCONF = True, "tests.site_config.urls"
    settings.INBOX_FILE = tmp_path / "inbox.sqlite3"
    _by_the_inbox(settings)
    ask(client)
    drain()

    links = Page(client.get("/").content.decode()).links

    found = [link for link in links if link.startswith("/inbox/?delivery=")]
    emails = [client.get(link).context["emails"] for link in found]
    assert [one.channel for (one,) in emails] == CHANNELS


def _by_the_inbox(settings) -> None:
    tree = MailerTree()
    via = tree.add(parse("inbox:"))
    for entry in settings.MAILERS.values():
        if "via" in entry.get("OPTIONS", {}):
            entry["OPTIONS"]["via"] = via
    settings.MAILERS = {**settings.MAILERS, **tree.mailers}
    settings.MAILER_URLS = tree.urls


def test_nobody_sends_to_an_address_that_is_not_theirs(client, asha) -> None:
    asha.emailaddress_set.update(verified=False)

    assert ask(client).status_code == 403
    assert not Message.objects.exists()
    assert reverse("account_email") in Page(client.get("/").content.decode()).links


@pytest.mark.django_db
def test_a_visitor_is_asked_to_sign_in(client) -> None:
    assert reverse("account_login") in ask(client).headers["Location"]
    assert not Message.objects.exists()
    assert "one email of each kind" in client.get("/").content.decode()


def test_whoever_signed_in_to_ask_comes_back_to_the_page(client, asha) -> None:
    assert client.get(reverse("samples")).headers["Location"] == "/#samples"
    assert not Message.objects.exists()


def test_nobody_asks_for_ever(client, asha) -> None:
    answers = [ask(client).status_code for _ in range(6)]

    assert answers == [302] * 5 + [429]
    assert Message.objects.count() == 5 * len(CHANNELS)


def test_others_see_only_their_own(client, asha, django_user_model) -> None:
    ask(client)
    other = django_user_model.objects.create_user("ben@example.com")
    other.emailaddress_set.create(email=other.email, verified=True, primary=True)
    client.force_login(other)

    assert ADDRESS not in client.get("/").content.decode()
    assert 'id="sample-' not in client.get("/").content.decode()


def test_the_newsletters_one_has_a_way_out_that_works(client, asha) -> None:
    ask(client)
    headers = Message.objects.get(channel="newsletters").headers
    link = headers["List-Unsubscribe"].strip("<>").removeprefix("http://mailroom.test")

    answer = client.post(link, {"List-Unsubscribe": "One-Click"})

    assert answer.status_code < 400
