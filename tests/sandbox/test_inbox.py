"""The development inbox: what it keeps, finds and shows."""

import sqlite3
from email.message import EmailMessage

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bench.inbox import fill
from mailroom.models import Delivery
from sandbox import inbox
from sandbox.inbox import Accepted, store_email
from tests.mailroom.conftest import attempt
from tests.site_config.page import Page

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _development(settings, tmp_path) -> None:
    settings.DEBUG, settings.ROOT_URLCONF = True, "tests.site_config.urls"
    settings.INBOX_FILE = tmp_path / "var" / "inbox.sqlite3"


def email(subject: str = "Hello", text: str = "Good day.", html: str = "", **headers: str):
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "site@example.com", "Ann <ann@x.example>", subject
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def arrive(made: EmailMessage | None = None, alias: str = "postmark", **more: str) -> int:
    """An email arrives; its number."""
    store_email(Accepted(alias, made or email(**more), ["ann@x.example"]))
    return inbox.Emails()[0:1][0].id


def listed(client, **asked: str) -> list[str]:
    """The subjects in the list."""
    page = client.get(reverse("sandbox:inbox"), asked)
    return [one.subject for one in page.context["emails"]]


def test_an_empty_inbox_says_what_to_do(client):
    page = client.get(reverse("sandbox:inbox"))

    assert "No emails yet" in page.text
    assert {reverse("account_signup"), reverse("newsletters:list")} <= set(Page(page.text).links)


def test_a_full_inbox_costs_as_many_queries_as_an_empty_one(client, monkeypatch):
    seen, connect = [], sqlite3.connect

    def traced(*args, **options):
        connection = connect(*args, **options)
        connection.set_trace_callback(seen.append)
        return connection

    def queries(**asked: str) -> tuple[int, int]:
        """In the inbox's file, and in the site's database."""
        seen.clear()
        with CaptureQueriesContext(connection) as site:
            assert client.get(reverse("sandbox:inbox"), asked).status_code == 200
        return len([one for one in seen if one.startswith("SELECT")]), len(site)

    arrive()
    monkeypatch.setattr(sqlite3, "connect", traced)
    before = queries(), queries(q="well")
    fill(inbox.KEPT_EMAILS)

    assert (queries(), queries(q="well")) == before
    assert before[0][0] <= 4
    assert before[0][1] <= 1


class TestTheList:
    def test_shows_the_newest_first_with_channel_and_provider(self, client):
        arrive(subject="First", Feedback_ID="campaign:registration:transactional:mailroom")
        arrive(subject="Second", alias="mailgun:example.com")

        page = client.get(reverse("sandbox:inbox"))

        assert listed(client) == ["Second", "First"]
        assert "ann@x.example registration postmark" in Page(page.text).text

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({"channel": "registration"}, ["Grüße"]),
            ({"channel": "nothing"}, []),
            ({"provider": "mailgun:example.com"}, ["100 % off"]),
            ({"q": "GRÜSSE"}, ["Grüße"]),  # as German capitals are written
            ({"q": "ann@x.example"}, ["100 % off", "Grüße"]),
            ({"q": "evening 100"}, ["100 % off"]),
            ({"q": "evening 200"}, []),
            ({"q": "100 %"}, ["100 % off"]),
            ({"q": "%"}, ["100 % off"]),
            ({"q": "' OR 1 --"}, []),
            ({"channel": "registration", "q": "off"}, []),
            ({"page": "99"}, ["100 % off", "Grüße"]),
            ({"page": "x"}, ["100 % off", "Grüße"]),
            ({"delivery": "x"}, ["100 % off", "Grüße"]),
            ({"delivery": "7"}, []),
        ],
    )
    def test_can_be_filtered_and_searched(self, client, asked, found):
        arrive(subject="Grüße", Feedback_ID="c:registration:transactional:mailroom")
        arrive(subject="100 % off", text="Good evening.", alias="mailgun:example.com")

        assert listed(client, **asked) == found

    def test_is_divided_into_pages_that_keep_the_filter(self, client):
        for number in range(52):
            arrive(subject=f"Number {number}")
        arrive(subject="Other")

        first = client.get(reverse("sandbox:inbox"), {"q": "number"})
        (older,) = [link for link in Page(first.text).links if "page=2" in link]
        second = client.get(reverse("sandbox:inbox") + older)

        assert [one.subject for one in second.context["emails"]] == ["Number 1", "Number 0"]

    def test_tells_htmx_only_of_what_is_new(self, client):
        newest = arrive()
        ask = {"headers": {"HX-Request": "true"}, "query_params": {"newest": str(newest)}}
        url = reverse("sandbox:inbox")
        assert client.get(url, **ask).status_code == 204

        arrive(subject="News")

        assert "News" in client.get(url, **ask).text

    def test_keeps_a_limited_number_for_a_limited_time(self, client, monkeypatch, time_machine):
        monkeypatch.setattr(inbox, "KEPT_EMAILS", 3)
        time_machine.move_to("2026-11-01T12:00Z")
        for number in range(5):
            arrive(subject=str(number))
        assert listed(client) == ["4", "3", "2"]

        time_machine.move_to("2026-11-20T12:00Z")
        arrive(subject="new")

        assert listed(client) == ["new"]

    def test_starts_again_where_its_file_was_deleted(self, client, settings):
        arrive()
        for file in settings.INBOX_FILE.parent.iterdir():
            file.unlink()

        assert listed(client) == []
        arrive(subject="News")
        assert listed(client) == ["News"]


class TestAnEmail:
    HTML = "<html><head><title>x</title></head><script>alert(1)</script><b>Hi</b></html>"

    def test_is_shown_as_html_in_a_frame_that_may_not_do_anything(self, client):
        number = arrive(html=self.HTML)
        page = client.get(reverse("sandbox:email", args=[number]))
        address = reverse("sandbox:email_html", args=[number])
        assert f'<iframe class="email-frame" src="{address}"' in page.text
        assert "alert(1)" not in page.text

        frame = client.get(address)

        policy = frame.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "sandbox allow-top-navigation-by-user-activation" in policy
        assert "allow-scripts" not in policy
        assert '<head><base target="_top">' in frame.text

    @pytest.mark.parametrize(
        ("look", "words"),
        [
            ("text", "Good &lt;day&gt;."),
            ("headers", "site@example.com"),
            ("raw", "Content-Type: multipart/alternative"),
        ],
    )
    def test_is_shown_as_text_headers_and_raw(self, client, look, words):
        number = arrive(text="Good <day>.", html=self.HTML)
        assert words in client.get(reverse("sandbox:email", args=[number]), {"look": look}).text

    def test_without_html_is_shown_as_text_with_its_links(self, client):
        number = arrive(text="Go to https://mailroom.test/x/ now")
        page = Page(client.get(reverse("sandbox:email", args=[number])).text)

        assert "https://mailroom.test/x/" in page.links
        assert "?look=html" not in page.links

    def test_can_be_downloaded_with_its_files(self, client):
        made = email()
        made.add_attachment(b"a,b\x00", maintype="text", subtype="csv", filename="liste ü.csv")
        made.add_attachment(email(subject="Forwarded"), filename="mail.eml")
        number = arrive(made)
        links = Page(client.get(reverse("sandbox:email", args=[number])).text).links
        files = [link for link in links if "/files/" in link]

        first, second = (client.get(link) for link in files)

        assert first.getvalue() == b"a,b\x00"
        assert "attachment" in first.headers["Content-Disposition"]
        assert b"Subject: Forwarded" in second.getvalue()
        raw = client.get(reverse("sandbox:email_raw", args=[number]))
        assert b"liste" in raw.getvalue()
        assert client.get(reverse("sandbox:email_file", args=[number, 2])).status_code == 404

    def test_in_a_charset_that_nobody_knows_can_be_read(self, client):
        made = email()
        made.replace_header("Content-Type", 'text/plain; charset="x-unknown"')
        assert "Good day." in client.get(reverse("sandbox:email", args=[arrive(made)])).text

    @pytest.mark.parametrize("number", [999, 2**64])
    def test_that_is_gone_is_not_found(self, client, number):
        assert client.get(reverse("sandbox:email", args=[number])).status_code == 404


@pytest.mark.parametrize("name", ["inbox", "email", "email_html", "email_raw", "previews"])
def test_is_not_there_in_production(client, settings, name):
    number = arrive(html="<b>x</b>")
    settings.DEBUG = False
    args = [number] if name.startswith("email") else []
    assert client.get(reverse(f"sandbox:{name}", args=args)).status_code == 404


class TestItsDelivery:
    @pytest.fixture
    def delivery(self, carry_by) -> Delivery:
        """An email of the site's own, sent in development without the sandbox."""
        carry_by("inbox:")
        return attempt("bulletin", to=["ann@example.com"])

    def test_is_shown_with_its_timeline(self, client, delivery):
        (found,) = inbox.Emails(delivery=delivery.pk)[0:9]
        assert (found.channel, found.provider) == ("bulletin", "inbox")

        page = client.get(reverse("sandbox:email", args=[found.id]))

        assert "sent through inbox" in page.text
        assert "/admin/" not in "".join(Page(page.text).links)

    def test_leads_to_the_email_and_back(self, client, delivery):
        chief = get_user_model().objects.create_superuser("chief@example.com", "x")
        client.force_login(chief)
        own = reverse("admin:mailroom_delivery_change", args=[delivery.pk])
        address = f"{reverse('sandbox:inbox')}?delivery={delivery.pk}"
        assert address in Page(client.get(own).text).links

        (found,) = client.get(address).context["emails"]

        page = client.get(reverse("sandbox:email", args=[found.id]))
        assert own in Page(page.text).links


def test_previews_are_one_click_away_in_every_look(client):
    links = Page(client.get(reverse("sandbox:inbox")).text).links
    assert reverse("sandbox:previews") in links
    address = reverse("sandbox:preview", args=["newsletters.issue"])
    assert address in Page(client.get(reverse("sandbox:previews")).text).links

    for look, words in (("text", "the mailroom"), ("headers", "Subject"), ("raw", "MIME-Version")):
        assert words in client.get(address, {"look": look, "language": "en"}).text
    assert client.get(reverse("sandbox:preview", args=["no.such"])).status_code == 404
    assert not mail.outbox
