"""Mail accounts in the admin: what is entered, by whom, and that no credential is shown again."""

import re

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from mailroom.delivery.engine import deliver_due
from mailroom.models import MailAccount
from tests.mailroom.fakes.smtp import Script, SMTPServer
from tests.mailroom.mail_accounts.test_backend import send

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/mailroom/mailaccount/"
CANARY = "canary-5d1e77-canary"


@pytest.fixture(autouse=True)
def _set_up(settings, smtp):
    settings.MAIL_ACCOUNT_KEYS = [Fernet.generate_key().decode()]
    settings.MAIL_ACCOUNT_LOOPBACK_HOSTS = ["127.0.0.1"]
    row = settings.MESSAGE_TYPES["tests.letter"]
    settings.MESSAGE_TYPES = {**settings.MESSAGE_TYPES, "mailroom.test": row}
    settings.MAILERS["default"] = settings.MAILERS["letters"]


@pytest.fixture
def server():
    with SMTPServer(Script(password=CANARY)) as server:
        yield server


def entered(server, **fields) -> dict[str, object]:
    return {
        "name": "Tenant",
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "username": "tenant",
        "password": CANARY,
        "from_email": "Tenant <news@tenant.example>",
        "when_down": "wait",
        "active": "on",
        **fields,
    }


def add(client, server, **fields) -> MailAccount:
    answer = client.post(f"{LIST}add/?kind=smtp", entered(server, **fields))
    assert answer.status_code == 302, text(answer)
    return MailAccount.objects.latest("pk")


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_an_account_is_entered_field_by_field_and_tested(admin_client, server):
    assert "SMTP" in text(admin_client.get(f"{LIST}add/"))
    assert "API key" in text(admin_client.get(f"{LIST}add/?kind=brevo"))
    assert 'value="587"' in admin_client.get(f"{LIST}add/?kind=smtp").text

    account = add(admin_client, server, channels=["bulletin"], rate="5", daily_cap="100")
    told = text(admin_client.post(f"{LIST}{account.pk}/test/", follow=True))

    assert "accepted a test email to admin@example.com" in told
    (got,) = server.received
    assert (got.mail["From"], got.recipients) == (account.from_email, ["admin@example.com"])
    assert (account.channels, account.rate, account.daily_cap) == (["bulletin"], 5, 100)


def test_no_page_shows_the_password(admin_client, server):
    account = add(admin_client, server)
    admin_client.post(f"{LIST}{account.pk}/test/")
    faulty = entered(server, from_email="nobody")

    pages = [
        admin_client.get(LIST),
        admin_client.get(f"{LIST}{account.pk}/change/"),
        admin_client.get(f"{LIST}{account.pk}/history/"),
        admin_client.get("/mail/status/"),
        admin_client.post(f"{LIST}add/?kind=smtp", faulty),
        admin_client.post(f"{LIST}{account.pk}/change/", faulty),
    ]

    assert [page.status_code for page in pages] == [200] * 6
    assert CANARY not in "".join(page.text for page in pages)


@pytest.fixture(params=[True, False])
def failing(request, admin_client, settings, monkeypatch):
    settings.DEBUG, admin_client.raise_request_exception = request.param, False
    monkeypatch.setattr(MailAccount, "save", lambda *_, **__: 1 / 0)
    return admin_client


def test_an_error_page_shows_it_neither(failing, server, caplog):
    answer = failing.post(f"{LIST}add/?kind=smtp", entered(server))

    assert answer.status_code == 500
    assert CANARY not in answer.text + caplog.text


def test_the_secret_is_replaced_or_kept(admin_client, server):
    account = add(admin_client, server)
    url = f"{LIST}{account.pk}/change/"
    admin_client.post(url, entered(server, password="", name="Renamed"))
    account.refresh_from_db()
    kept = str(account.secrets()["password"])

    server.script.password = "another-password"
    failed = text(admin_client.post(f"{LIST}{account.pk}/test/", follow=True))
    admin_client.post(url, entered(server, password="another-password"))
    told = text(admin_client.post(f"{LIST}{account.pk}/test/", follow=True))

    assert kept == CANARY
    assert "535" in failed
    assert "accepted a test email" in told


def test_a_stored_password_is_not_sent_to_another_server(admin_client, server):
    account = add(admin_client, server)
    with SMTPServer() as other:
        moved = entered(server, password="", port=other.port)
        answer = admin_client.post(f"{LIST}{account.pk}/change/", moved)

    account.refresh_from_db()
    assert "Enter the password again" in text(answer)
    assert account.options["port"] == server.port


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"host": "10.0.0.1", "port": 587}, "not a public mail server"),
        ({"host": "169.254.169.254", "port": 25}, "not a public mail server"),
        ({"host": "2130706433", "port": 587}, "not a public mail server"),
        ({"host": "localhost", "port": 587}, "not a public mail server"),
        ({"host": "8.8.8.8", "port": 6379}, "port must be one of"),
        ({"host": "8.8.8.8", "port": 587}, "Without encryption"),
        ({"from_email": "no address"}, "Enter an email address"),
        ({"rate": "0"}, "greater than or equal"),
        ({"password": ""}, "Password is missing."),
        ({"username": ""}, "User name is missing."),
        ({"password": "pässwörd"}, "Password is not valid."),
        ({"username": "two\nlines"}, "User name is not valid."),
    ],
)
def test_what_can_not_be_used_is_refused_with_a_reason(admin_client, server, fields, told):
    answer = admin_client.post(f"{LIST}add/?kind=smtp", entered(server, **fields))

    assert told in text(answer)
    assert not MailAccount.objects.exists()


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        ("smtp", {"port": "many"}, ["Enter a whole number."]),
        ("smtp", {"host": ""}, ["This field is required."]),
        ("postmark", {"server_token": "ключ"}, ["Server token is not valid."]),
        ("postmark", {"server_token": "a\r\nX-Other: b"}, ["Server token is not valid."]),
        ("mailgun", {"sender_domain": "..", "api_key": "k"}, ["Sending domain is not valid."]),
        ("mailgun", {"api_key": "k"}, ["This field is required."]),
    ],
)
def test_each_fault_is_said_once(admin_client, server, kind, fields, told):
    answer = admin_client.post(f"{LIST}add/?kind={kind}", entered(server, **fields))

    errors = answer.context["adminform"].form.errors
    assert [text for texts in errors.values() for text in texts] == told


def test_a_login_can_be_removed_and_a_password_whose_key_is_lost_entered_anew(
    admin_client, server, settings
):
    account = add(admin_client, server)
    url = f"{LIST}{account.pk}/change/"
    settings.MAIL_ACCOUNT_KEYS = [Fernet.generate_key().decode()]
    admin_client.post(url, entered(server, password="entered-anew"))
    account.refresh_from_db()
    assert str(account.secrets()["password"]) == "entered-anew"

    admin_client.post(url, entered(server, username="", password=""))
    account.refresh_from_db()
    assert (account.encrypted, "username" in account.options) == ("", False)


def test_without_a_key_the_form_says_how_to_make_one(admin_client, server, settings):
    settings.MAIL_ACCOUNT_KEYS = []
    answer = admin_client.post(f"{LIST}add/?kind=smtp", entered(server))

    assert "manage.py mail_accounts --new-key" in text(answer)


def test_who_uses_it_is_named_and_what_is_used_is_not_deleted(admin_client, server):
    account = add(admin_client, server)
    send(account)

    page = text(admin_client.get(f"{LIST}{account.pk}/delete/"))

    assert "Emails that wait for Tenant: 1" in page
    admin_client.post(f"{LIST}{account.pk}/delete/", {"post": "yes"})
    assert MailAccount.objects.exists()


def test_it_can_be_deactivated_from_the_list(admin_client, server):
    account = add(admin_client, server)
    chosen = {"action": "deactivate", "_selected_action": [account.pk]}
    admin_client.post(LIST, chosen)
    send(account)
    deliver_due("letters")
    before = len(server.received)

    admin_client.post(LIST, {**chosen, "action": "activate"})
    deliver_due("letters")

    assert (before, len(server.received)) == (0, 1)


@pytest.mark.parametrize(
    ("codenames", "expected"),
    [
        ([], [403, 403, 403, 403]),
        (["view_mailaccount"], [200, 403, 403, 403]),
        (["view_mailaccount", "test_mailaccount"], [200, 403, 403, 302]),
        (["view_mailaccount", "change_mailaccount"], [200, 403, 302, 403]),
        (["view_mailaccount", "add_mailaccount"], [200, 200, 403, 403]),
    ],
)
def test_each_right_is_a_permission_of_its_own(admin_client, client, server, codenames, expected):
    account = add(admin_client, server)
    clerk = get_user_model().objects.create_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(clerk)

    url = f"{LIST}{account.pk}/change/"
    answers = [
        client.get(url),
        client.get(f"{LIST}add/"),
        client.post(url, entered(server)),
        client.post(f"{LIST}{account.pk}/test/"),
    ]

    assert [answer.status_code for answer in answers] == expected
    if codenames == ["view_mailaccount"]:
        assert f"Address: smtp://127.0.0.1:{server.port}" in text(answers[0])
    assert CANARY not in answers[0].text
