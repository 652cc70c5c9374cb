"""The whole idea on real wires: four kinds of mail, four mail servers, one registry."""

import re
from typing import NamedTuple

import pytest

from tests.mailroom.fakes.smtp import Received, SMTPServer
from tests.processes import Site, free_port, until
from tests.visitor import Visitor, links_of
from tests.wire.conftest import installation

PASSWORD = "correct-horse-42"
NEW_PASSWORD = "battery-staple-43"
ADMIN = """
from accounts.models import User
from allauth.account.models import EmailAddress
user = User.objects.create_superuser('boss@site.test', 'boss-password-44')
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
from newsletters.models import Issue, Newsletter
letter = Newsletter.objects.create(name='The Letter', slug='the-letter')
Issue.objects.create(newsletter=letter, subject='First', slug='first', body='Hello {name}!')
from notifications.models import Announcement
Announcement.objects.create(title='We moved', body='To a **new** house.')
"""


def newest(server: SMTPServer, number: int) -> Received:
    """The server's mail of that number, as soon as it is there."""
    until(lambda: len(server.received) >= number, f"mail {number} on port {server.port}")
    return server.received[number - 1]


def link_in(received: Received, part: str) -> str:
    text = received.mail.get_body(("plain",)).get_content()
    return re.search(rf"http\S+{part}\S+", text)[0]


def sign_up(visitor: Visitor, server: SMTPServer, number: int = 1) -> None:
    visitor.post(
        "/accounts/signup/",
        name="Zoë Wire",
        email="zoe@reader.test",
        password1=PASSWORD,
        password2=PASSWORD,
    )
    visitor.post(link_in(newest(server, number), "confirm-email"))


def reset_password(visitor: Visitor, server: SMTPServer, number: int = 1) -> None:
    visitor.post("/accounts/password/reset/", email="zoe@reader.test")
    page = visitor.get(link_in(newest(server, number), "reset"))
    visitor.post(page.url, password1=NEW_PASSWORD, password2=NEW_PASSWORD)


def subscribe(visitor: Visitor, server: SMTPServer, number: int) -> None:
    visitor.post("/newsletters/the-letter/", email="zoe@reader.test", name="Zoë")
    visitor.post(link_in(newest(server, number), "newsletters"))


def publish(visitor: Visitor) -> None:
    visitor.post("/admin/newsletters/issue/1/publish/")


def announce(visitor: Visitor) -> None:
    visitor.post("/admin/notifications/announcement/1/send/")


class Journey(NamedTuple):
    """A site that was used, and what each channel's server held at the end."""

    site: Site
    received: dict[str, list[Received]]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory, servers: dict[str, SMTPServer]) -> Journey:
    """Somebody signs up, resets, subscribes; the boss publishes and announces."""
    production = installation(tmp_path_factory.mktemp("journey"), servers)
    production.shell(ADMIN)
    with production.running():
        reader, boss = Visitor(production.url), Visitor(production.url)
        sign_up(reader, servers["registration"])
        reader.post("/accounts/logout/")
        reset_password(reader, servers["password_reset"])
        reader.log_in("zoe@reader.test", NEW_PASSWORD)
        subscribe(Visitor(production.url), servers["registration"], 2)
        boss.log_in("boss@site.test", "boss-password-44")
        publish(boss)
        announce(boss)
        newest(servers["newsletters"], 1)
        until(lambda: len(servers["notifications"].received) >= 3, "notice and announcements")
    return Journey(production, {channel: [*one.received] for channel, one in servers.items()})


def test_each_server_holds_exactly_the_mails_of_its_channel(journey: Journey) -> None:
    subjects = {
        channel: sorted(str(one.mail["Subject"]) for one in received)
        for channel, received in journey.received.items()
    }

    assert subjects == {
        "registration": [
            "Confirm your address for Mailroom",
            "Confirm your subscription to The Letter",
        ],
        "password_reset": ["Set a new password for Mailroom"],
        "notifications": ["We moved", "We moved", "Your password was reset"],
        "newsletters": ["First"],
    }


def test_mails_are_as_configured_and_linked_to_the_site(journey: Journey) -> None:
    for channel, mails in journey.received.items():
        for received in mails:
            mail = received.mail
            html = mail.get_body(("html",)).get_content()
            assert mail["From"] == f"The {channel} desk <{channel}@site.test>"
            assert received.sender == f"{channel}@site.test"
            assert mail.get_body(("plain",)).get_content().strip()
            assert links_of(html)
            assert all(link.startswith(journey.site.url) for link in links_of(html))


def test_one_variable_moves_one_channel(production: Site, servers: dict[str, SMTPServer]) -> None:
    production.environment["MAILER_URL_REGISTRATION"] = production.environment[
        "MAILER_URL_NEWSLETTERS"
    ]

    with production.running():
        reader = Visitor(production.url)
        sign_up(reader, servers["newsletters"])
        reset_password(reader, servers["password_reset"])

    assert [str(one.mail["Subject"]) for one in servers["newsletters"].received] == [
        "Confirm your address for Mailroom"
    ]
    assert servers["newsletters"].received[0].sender == "registration@site.test"
    assert servers["registration"].received == []
    assert len(servers["password_reset"].received) == 1


def test_a_mail_server_that_is_down_costs_time_and_nothing_else(production, servers) -> None:
    port = free_port()
    production.environment["MAILER_URL_REGISTRATION"] = f"smtp+plain://127.0.0.1:{port}"

    with production.running():
        reader = Visitor(production.url)
        page = reader.post(
            "/accounts/signup/",
            name="Zoë",
            email="zoe@reader.test",
            password1=PASSWORD,
            password2=PASSWORD,
        )
        until(lambda: "refused" in str(production.sql(LAST_ERROR)), "an attempt")
        with SMTPServer(port=port) as back:
            received = newest(back, 1)

    assert page.status_code == 200
    assert received.recipients == ["zoe@reader.test"]


LAST_ERROR = "SELECT error FROM mailroom_delivery"
