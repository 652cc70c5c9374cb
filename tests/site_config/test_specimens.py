"""Who is signed in sends themselves one of each kind of mail, and sees where each went."""

import re

import pytest
from django.core import mail
from django.urls import reverse

from accounts.models import User
from mailroom.config.mailers import MailerTree
from mailroom.config.urls import parse
from mailroom.models import Delivery, Message, Suppression
from sandbox import inbox
from site_config.specimens import CHANNELS
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
    return client.post(reverse("specimens"))


def row(client, channel: str) -> str:
    """The text of a channel's row in the live part of the page."""
    html = client.get(reverse("specimens"), headers=HTMX).content.decode()
    found = html.partition(f'id="specimen-{channel}"')[2].partition("</tr>")[0]
    assert found, f"no row for {channel}"
    return Page(f"<i {found}").text


def test_one_goes_by_each_channel_and_each_row_tells_where_it_is(client, asha, drain) -> None:
    answer = ask(client)

    assert answer.headers["Location"] == "/#specimens"
    assert {one.channel for one in Delivery.objects.all()} == set(CHANNELS)
    assert "queued" in row(client, "password_reset")

    drain()

    assert sorted(one.sent_using for one in mail.outbox) == ["memory"] * 4
    assert {one.to[0] for one in mail.outbox} == {ADDRESS}
    assert all(one.subject.startswith("Specimen: ") for one in mail.outbox)
    for channel in CHANNELS:
        assert "sent memory" in row(client, channel)


def test_the_counts_below_follow_too(client, asha, drain) -> None:
    ask(client)
    drain()

    live = client.get(reverse("specimens"), headers=HTMX).content.decode()

    ledger = live.partition('id="ledger"')[2]
    assert 'hx-swap-oob="true"' in ledger
    assert Page(
        ledger.partition('id="channel-newsletters"')[2].partition("</tr>")[0]
    ).text.endswith("1 0 0")


def test_the_page_asks_again_until_all_have_arrived(client, asha, drain) -> None:
    ask(client)
    home = client.get("/").content.decode()
    assert 'hx-get="/specimens/"' in home
    assert "queued" in home

    drain()

    assert 'hx-get="/specimens/"' not in client.get("/").content.decode()


def test_what_is_stopped_says_why(client, asha, drain) -> None:
    Suppression.objects.create(address=ADDRESS, reason="complained", channel="newsletters")
    ask(client)
    drain()

    assert "skipped suppressed" in row(client, "newsletters")
    assert "sent" in row(client, "registration")


def test_in_development_each_leads_to_its_mail(client, asha, drain, settings, tmp_path) -> None:
    settings.DEBUG, settings.ROOT_URLCONF = True, "tests.site_config.urls"
    settings.INBOX_FILE = tmp_path / "inbox.sqlite3"
    _by_the_inbox(settings)
    ask(client)
    drain()

    links = Page(client.get("/").content.decode()).links

    emails = [link for link in links if re.fullmatch(r"/inbox/\d+/", link)]
    channels = [inbox.one(int(link.split("/")[2]))[0].channel for link in emails]
    assert channels == CHANNELS


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
    assert "one mail of each kind" in client.get("/").content.decode()


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
    assert 'id="specimen-' not in client.get("/").content.decode()


def test_the_newsletters_one_has_a_way_out_that_works(client, asha) -> None:
    ask(client)
    headers = Message.objects.get(channel="newsletters").headers
    link = headers["List-Unsubscribe"].strip("<>").removeprefix("http://mailroom.test")

    answer = client.post(link, {"List-Unsubscribe": "One-Click"})

    assert answer.status_code < 400
