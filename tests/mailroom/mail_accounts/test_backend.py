"""Mail accounts: whose server carries a message, from whom, and what becomes of it."""

import base64
import html
import time
from dataclasses import replace
from datetime import timedelta
from email.utils import parseaddr
from smtplib import SMTPAuthenticationError, SMTPRecipientsRefused
from urllib.parse import quote

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailroom import signals
from mailroom.checks import account_faults
from mailroom.delivery.engine import deliver_due
from mailroom.doctor.connections import mail_accounts
from mailroom.doctor.findings import Means
from mailroom.mail_accounts.backend import EmailBackend
from mailroom.masking import pattern
from mailroom.messages import TemplatedMessage
from mailroom.models import Attempt, Delivery, MailAccount, MailerHealth, Message
from mailroom.outbox import Recipient, add_deliveries, freeze
from mailroom.outbox.routing import ByOwner, ByRecipientDomain, RoutingError
from sandbox.accounts import Account as SandboxAccount
from sandbox.apis import APIServer
from tests.mailroom.conftest import deliver
from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import SILENCE, Script, SMTPServer
from tests.processes import Site, until

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State


@pytest.fixture(autouse=True)
def _keys(settings):
    settings.MAIL_ACCOUNT_KEYS = [Fernet.generate_key().decode()]
    settings.MAIL_ACCOUNT_LOOPBACK_HOSTS = ["127.0.0.1"]


def make(name: str, port: int, password: str = "", **fields) -> MailAccount:
    options = {"host": "127.0.0.1", "port": port, "security": "none"}
    if password:
        options["username"] = name
    fields = {"from_email": f"{name.title()} <news@{name}.example>", **fields}
    account = MailAccount(name=name, kind="smtp", options=options, **fields)
    if password:
        account.set_secrets(password=password)
    account.full_clean()
    account.save()
    return account


def send(account: MailAccount | None = None, channel: str = "letters", **fields) -> Delivery:
    fields = {"subject": "Hello", "body": "Good day.", "to": ["alice@example.com"]} | fields
    message = EmailMessage(**fields)
    message.account = account
    message.send(using=channel)
    return Delivery.objects.latest("pk")


def test_a_message_goes_by_its_account_from_the_accounts_address(smtp):
    with SMTPServer(Script(password="s3cret-of-tenant")) as server:
        tenant = make("tenant", server.port, "s3cret-of-tenant", reply_to="desk@tenant.example")
        delivery = send(tenant)
        deliver()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.error) == (State.SENT, "")
    assert delivery.route == delivery.alias == tenant.alias
    (got,) = server.received
    assert (got.mail["From"], got.mail["Reply-To"]) == (
        "Tenant <news@tenant.example>",
        "desk@tenant.example",
    )
    assert got.sender == "news@tenant.example"
    assert smtp.received == []


@pytest.mark.parametrize("channel", ["letters", "bulletin"])
def test_an_account_that_is_down_waits_or_uses_the_channels_own_mailer(smtp, channel):
    waits = send(make("waiting", closed_port()), channel)
    other = send(make("other", closed_port(), when_down="channel"), channel)
    deliver()

    waits.refresh_from_db()
    other.refresh_from_db()
    assert waits.state == State.QUEUED
    assert (other.state, other.error) == (State.SENT, "")
    (got,) = smtp.received
    assert got.mail["From"].endswith("@mailroom.test>")
    assert got.mail["Reply-To"] == "Other <news@other.example>"


def test_a_deactivated_account_holds_its_email_until_it_is_active_again(smtp):
    with SMTPServer() as server:
        account = make("tenant", server.port)
        account.active = False
        account.save()
        send(account)
        deliver()
        before = len(server.received)

        account.active = True
        account.save()
        deliver()

    assert (before, len(server.received)) == (0, 1)
    assert MailerHealth.objects.get(alias=account.alias).failures == 0


def test_credentials_that_are_replaced_while_sending_are_used_by_the_next_window(smtp):
    with SMTPServer(Script(password="old-password")) as server:
        account = make("tenant", server.port, "old-password")
        fill(account, "bulletin", [f"{n}@example.com" for n in range(300)])

        def replace_once(delivery, **_):
            if server.script.password == "old-password":
                server.script.password = "new-password"
                account.set_secrets(password="new-password")
                account.save()

        signals.sent.connect(replace_once)
        try:
            deliver()
        finally:
            signals.sent.disconnect(replace_once)

    assert len(server.received) == 300
    assert list(dict.fromkeys(server.passwords)) == ["old-password", "new-password"]


def test_new_credentials_are_used_at_once(smtp):
    with SMTPServer(Script(password="old-password")) as server:
        account = make("tenant", server.port, "old-password")
        send(account)
        deliver()
        server.script.password = "new-password"
        account.set_secrets(password="new-password")
        account.save()
        send(account)
        deliver_due("letters")

    assert len(server.received) == 2


def again() -> None:
    Delivery.objects.update(not_before=timezone.now())
    deliver()


def fill(account: MailAccount | None, channel: str, addresses, **fields) -> Message:
    message = EmailMessage("Hello", "Good day.", to=[], **fields)
    message.account = account
    row = freeze(message, channel)
    add_deliveries(row, map(Recipient, addresses))
    return row


@pytest.mark.parametrize("number", [60, pytest.param(1_000, marks=pytest.mark.full)])
def test_tenants_email_is_interleaved_and_never_mixed(settings, smtp, number):
    with (
        SMTPServer(Script(pipelining=True)) as one,
        SMTPServer() as two,
        APIServer([SandboxAccount("three", "postmark", 0, "token-of-three")]) as api,
    ):
        settings.MAIL_ACCOUNT_API_URLS = {"postmark": api.url}
        three = MailAccount(name="three", kind="postmark", from_email="Three <news@three.example>")
        three.set_secrets(server_token="token-of-three")
        three.full_clean()
        three.save()
        tenants = [make("one", one.port), make("two", two.port), three]
        for place in range(number):
            send(tenants[place % 3], to=[f"{place}@example.com"])
        deliver()

        assert not Delivery.objects.exclude(state=State.SENT).exists()
        for place, server in enumerate((one, two)):
            got = [(one.mail["From"], one.recipients[0]) for one in server.received]
            sender = tenants[place].from_email
            want = [(sender, f"{n}@example.com") for n in range(place, number, 3)]
            assert sorted(got) == sorted(want)
        sent = [(call.json["From"], call.json["To"]) for call in api.calls]
        want = [("Three <news@three.example>", f"{n}@example.com") for n in range(2, number, 3)]
        assert sorted(sent) == sorted(want)
    assert smtp.received == []


def test_the_email_of_a_type_with_a_secret_stays_with_its_channel(smtp, settings):
    with SMTPServer() as server:
        account = make("tenant", server.port)
        settings.MAILROOM_ROUTERS = [Always(account)]
        code = TemplatedMessage("tests.code", to=["alice@example.com"], context={"code": "314"})
        code.send(account=account)
        deliver()
        stays = len(smtp.received), len(server.received)

        routable = replace(settings.MESSAGE_TYPES["tests.code"], routable=True)
        settings.MESSAGE_TYPES = {**settings.MESSAGE_TYPES, "tests.code": routable}
        code = TemplatedMessage("tests.code", to=["alice@example.com"], context={"code": "315"})
        code.send(account=account)
        deliver()

    assert stays == (1, 0)
    assert (len(smtp.received), len(server.received)) == (1, 1)


def test_an_account_may_be_kept_to_some_channels(smtp):
    account = make("tenant", 2525, channels=["bulletin"])

    with pytest.raises(RoutingError, match="bulletin"):
        send(account, "letters")
    assert not Message.objects.exists()
    assert send(account, "bulletin").route == account.alias


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ("Tenant <news@tenant.example>", None)),
        ("Bulletin <bulletin@mailroom.test>", ("Tenant <news@tenant.example>", None)),
        ("Grace <grace@tenant.example>", ("Grace <grace@tenant.example>", None)),
        ("Eve <eve@bank.example>", ("Tenant <news@tenant.example>", "Eve <eve@bank.example>")),
    ],
)
@pytest.mark.parametrize("by", ["send", "router"])
def test_a_sender_of_another_domain_gives_way_to_the_accounts(smtp, settings, given, expected, by):
    with SMTPServer() as server:
        account = make("tenant", server.port)
        if by == "router":  # asked for each recipient, so that the content is frozen before
            settings.MAILROOM_ROUTERS = [ByRecipientDomain({"example.com": account.alias})]
        fill(account if by == "send" else None, "bulletin", ["a@example.com"], from_email=given)
        deliver()

    (got,) = server.received
    assert (got.mail["From"], got.mail["Reply-To"]) == expected
    assert got.sender == parseaddr(expected[0])[1]


def test_an_account_has_a_daily_cap_and_a_rate_of_its_own(smtp):
    with SMTPServer() as server:
        account = make("tenant", server.port, daily_cap=3, rate=50)
        fill(account, "bulletin", [f"{n}@example.com" for n in range(5)])
        fill(None, "bulletin", [f"{n}@example.org" for n in range(5)])
        deliver()
        first = len(server.received)
        waiting = Delivery.objects.queued().filter(attempts=0).count()
        with time_machine.travel(timezone.now() + timedelta(days=1)):
            deliver()

    assert (first, waiting, len(server.received)) == (3, 2, 5)
    assert len(smtp.received) == 5


def test_what_was_not_accepted_takes_nothing_of_a_daily_cap(smtp):
    with SMTPServer(Script(rcpt={"0@example.com": "550 5.7.1 no"})) as server:
        account = make("tenant", server.port, daily_cap=3)
        fill(account, "bulletin", [f"{n}@example.com" for n in range(4)])
        deliver()
        deliver()

    assert len(server.received) == 3


def test_email_of_a_deleted_account_goes_by_its_channel(smtp):
    account = make("tenant", 2525)
    send(account)
    with pytest.raises(ProtectedError):
        account.delete()
    MailAccount.objects.filter(pk=account.pk).delete()
    deliver()

    assert smtp.received[0].mail["From"] == "Letters <letters@mailroom.test>"


class TestCredentials:
    CANARY = "canary-9b1f4c-canary"

    def test_appear_in_no_dump_log_error_or_text(self, smtp, caplog, capsys):
        caplog.set_level("DEBUG")
        pair = base64.b64encode(f"\0tenant\0{self.CANARY}".encode()).decode()
        with SMTPServer(Script(password="another", mail=f"530 {self.CANARY} {pair}")) as server:
            account = make("tenant", server.port, self.CANARY)
            delivery = send(account)
            deliver()
            server.script.password = self.CANARY
            account.save()
            again()
            rcpt = f"550 {self.CANARY} is no password"
            server.script.mail, server.script.rcpt = "", {"*": rcpt}
            account.save()
            again()
        call_command("dumpdata", "mailroom", "admin")
        call_command("mail_accounts")
        delivery.refresh_from_db()

        told = capsys.readouterr().out + caplog.text + repr(account.secrets())
        told += f"{delivery.error} {list(MailerHealth.objects.values())}"
        told += f"{list(Attempt.objects.values())} {account} {account!r} {vars(account)}"
        assert delivery.state == State.FAILED
        assert "530 *** ***" in told
        assert "550 *** is no password" in told
        assert self.CANARY not in told
        assert pair not in told

    def test_are_hidden_in_whatever_form_an_api_repeats_them(self, smtp, settings, caplog):
        caplog.set_level("DEBUG")
        secret = "canary+Aa1/=x&y"
        forms = [secret, quote(secret, safe=""), "canary%2bAa1%2f%3dx%26y", html.escape(secret)]
        forms += [
            r"canary+Aa1\/\u003dx\u0026y",
            base64.b64encode(f"api:{secret}".encode()).decode(),
        ]
        answers = [Answer(401, f'{{"message":"No {one}"}}') for one in forms]
        with HTTPServer(*answers, Answer(401, "", reason=f"No {secret}")) as api:
            settings.MAIL_ACCOUNT_API_URLS = {"mailgun": f"{api.url}/"}
            fields = {"from_email": "news@t.example", "options": {"sender_domain": "t.example"}}
            account = MailAccount(name="t", kind="mailgun", **fields)
            account.set_secrets(api_key=secret)
            account.save()
            send(account)
            for _ in range(len(forms) + 1):
                account.save()  # which tries it at once
                again()

        told = caplog.text + str([*Delivery.objects.values(), *Attempt.objects.values()])
        told += str(list(MailerHealth.objects.values()))
        assert len(api.calls) == len(forms) + 1
        assert told.count("No ***") >= len(forms) + 1
        assert "canary" not in told
        assert forms[-1] not in told

    def test_stay_hidden_where_a_server_refuses_every_recipient(self):
        backend = EmailBackend(alias="account:1")
        backend._secrets = pattern([self.CANARY])
        refused = SMTPRecipientsRefused({"a@example.com": (550, f"no {self.CANARY}".encode())})

        assert self.CANARY not in repr(backend._cleared(refused))

    def test_of_an_api_that_can_not_be_reached_nothing_of_the_network_is_said(self, smtp, settings):
        settings.MAIL_ACCOUNT_API_URLS = {"postmark": f"http://127.0.0.1:{closed_port()}/"}
        account = MailAccount(name="t", kind="postmark", from_email="news@t.example")
        account.set_secrets(server_token="a-token")
        account.save()
        delivery = send(account)
        deliver()

        delivery.refresh_from_db()
        expected = "The connection to the mail server failed."
        assert (delivery.state, delivery.error) == (State.QUEUED, expected)

    def test_that_smtp_has_no_bytes_for_keep_the_email_waiting(self, smtp):
        with SMTPServer(Script(password="pässwörd")) as server:
            delivery = send(make("tenant", server.port, "pässwörd"))
            deliver()

        delivery.refresh_from_db()
        assert delivery.state == State.QUEUED
        assert "ASCII" in delivery.error
        assert "xe4" not in delivery.error

    def test_that_two_people_saved_at_once_are_those_of_the_last(self, smtp):
        with SMTPServer(Script(password="the-last-one")) as server:
            account = make("tenant", server.port, "the-first-one")
            other = MailAccount.objects.get()
            mailer = EmailBackend(alias=account.alias)
            account.save()
            with pytest.raises(SMTPAuthenticationError):
                mailer.open()
            other.set_secrets(password="the-last-one")
            other.save()
            mailer.open()
            mailer.close()

        assert account.version == other.version

    def test_survive_a_change_of_the_key(self, settings, capsys):
        (old,) = settings.MAIL_ACCOUNT_KEYS
        accounts = [make(f"tenant-{n}", 2525, f"secret-{n}") for n in range(3)]
        new = Fernet.generate_key().decode()

        for keys, told in (([], "is missing"), (["none", old], "a key that is none")):
            settings.MAIL_ACCOUNT_KEYS = keys
            with pytest.raises(CommandError, match=rf"\AMAIL_ACCOUNT_KEYS .*{told}.*--new-key\Z"):
                call_command("mail_accounts", encrypt_again=True)
        settings.MAIL_ACCOUNT_KEYS = [new]
        with pytest.raises(CommandError, match="tenant-1"):
            call_command("mail_accounts", encrypt_again=True)
        settings.MAIL_ACCOUNT_KEYS = [new, old]
        call_command("mail_accounts", encrypt_again=True)
        settings.MAIL_ACCOUNT_KEYS = [new]

        for number, one in enumerate(accounts):
            one.refresh_from_db()
            assert str(one.secrets()["password"]) == f"secret-{number}"

    def test_need_a_key_once_there_is_an_account(self, settings):
        assert account_faults(asks_database=True) == []
        make("tenant", 2525, "secret")
        settings.MAIL_ACCOUNT_KEYS = []

        assert "MAIL_ACCOUNT_KEYS is missing" in account_faults(asks_database=True)[0]
        with pytest.raises(ImproperlyConfigured, match="--new-key"):
            MailAccount(kind="smtp").set_secrets(password="x")


class Always:
    """A router that gives one answer, and notes what it is asked."""

    def __init__(self, answer, *, each: bool = False) -> None:
        self.answer, self.asks_recipients, self.asked = answer, each, []

    def route_for(self, message, recipient):
        self.asked.append(recipient)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class TestRouters:
    def test_the_first_opinion_decides(self, smtp, settings):
        account = make("tenant", 2525)
        routers = [Always(None), Always(account), Always("missing")]
        settings.MAILROOM_ROUTERS = routers

        assert send().route == account.alias
        assert [one.asked for one in routers] == [["alice@example.com"]] * 2 + [[]]

    def test_may_name_another_mailer_or_channel(self, smtp, settings):
        with SMTPServer() as other:
            settings.MAILERS["other"] = {
                "BACKEND": "mailroom.backends.smtp.EmailBackend",
                "OPTIONS": {"host": "127.0.0.1", "port": other.port, "timeout": 5},
            }
            settings.MAILROOM_ROUTERS = [Always("other")]
            delivery = send()
            settings.MAILROOM_ROUTERS = [Always("bulletin")]
            stays = send()
            settings.MAILROOM_ROUTERS = [Always(None)]
            deliver()

        assert (delivery.route, stays.route) == (
            "other",
            settings.MAILERS["letters"]["OPTIONS"]["via"],
        )
        assert len(other.received) == len(smtp.received) == 1
        assert other.received[0].mail["From"] == "Letters <letters@mailroom.test>"

    @pytest.mark.parametrize("answer", ["missing", "account:999", 7, ValueError("my own fault")])
    def test_what_fails_fails_at_queueing(self, smtp, settings, answer):
        settings.MAILROOM_ROUTERS = [Always(answer)]

        with pytest.raises(RoutingError, match="Always"):
            send()
        with pytest.raises(RoutingError):
            fill(None, "bulletin", ["a@example.com"])
        assert not Message.objects.exists()

    def test_are_asked_once_for_bulk_unless_they_want_each_recipient(self, smtp, settings):
        once, each = Always(None), Always(None, each=True)
        people = [f"{n}@example.com" for n in range(1_200)]
        with CaptureQueriesContext(connection) as without:
            fill(None, "bulletin", people)
        settings.MAILROOM_ROUTERS = [once]
        with CaptureQueriesContext(connection) as with_one:
            fill(None, "bulletin", people)
        alone = list(once.asked)
        settings.MAILROOM_ROUTERS = [once, each]
        fill(None, "bulletin", people[:2])

        assert alone == [None]
        assert len(with_one) == len(without)
        assert each.asked == people[:2]

    @pytest.mark.parametrize(
        ("router", "told"),
        [
            ("no.such.Router", "No module named"),
            ("os.path", "not callable"),
            (object(), "not callable"),
            ("datetime.date.today", "can't be used|route_for"),
        ],
    )
    def test_that_are_none_are_named(self, smtp, settings, router, told):
        settings.MAILROOM_ROUTERS = [router]

        with pytest.raises(ImproperlyConfigured, match=rf"MAILROOM_ROUTERS.*({told})"):
            send()
        assert "MAILROOM_ROUTERS" in account_faults()[0]

    def test_choose_by_the_recipients_domain_and_by_the_owner(self, smtp, settings):
        mine = make("mine", 2525, owner="acme")
        make("gone", 2525, owner="acme", active=False)
        settings.MAILROOM_DOMAIN_ROUTES = {"Exämple.com": mine.alias}
        settings.MAILROOM_ROUTERS = ["mailroom.outbox.routing.ByRecipientDomain", ByOwner]
        message = EmailMessage("Hello", "Good day.", to=["x@example.org"])
        message.owner = "acme"
        message.send(using="letters")

        assert Delivery.objects.latest("pk").route == mine.alias
        assert send(to=["x@EXÄMPLE.com"]).route == mine.alias
        assert send(to=["x@sub.exämple.com"]).route != mine.alias
        people = [f"{n}@{domain}" for n in range(40) for domain in ("exämple.com", "example.net")]
        with CaptureQueriesContext(connection) as queries:
            fill(None, "bulletin", people)
        assert len(queries) < 20
        assert Delivery.objects.filter(route=mine.alias).count() == 42


class TestWhatIsShown:
    def test_the_status_page_has_a_place_for_each(self, smtp, admin_client, settings):
        row = settings.MESSAGE_TYPES["tests.letter"]
        settings.MESSAGE_TYPES = {**settings.MESSAGE_TYPES, "mailroom.test": row}
        settings.MAILERS["default"] = settings.MAILERS["letters"]
        with SMTPServer() as server:
            account = make("tenant", server.port)
            send(account)
            deliver()
            page = admin_client.get("/mail/status/").text
            act = {"alias": account.alias, "do": "test"}
            told = admin_client.post("/mail/status/act/", act, follow=True).text
            admin_client.post("/mail/status/act/", {"alias": account.alias, "do": "pause"})
            send(account)
            deliver()
            paused = len(server.received)

        assert f"tenant <code>{account.alias}</code>" in page
        assert "accepted a test email" in told
        assert paused == 2
        assert [one.mail["From"] for one in server.received] == ["Tenant <news@tenant.example>"] * 2

    def test_the_command_lists_accounts_and_routers(self, smtp, settings, capsys):
        make("tenant", 2525, "canary-of-tenant")
        settings.MAILROOM_ROUTERS = ["mailroom.outbox.routing.ByOwner"]
        call_command("mailers")
        call_command("mailers", json=True)
        told = capsys.readouterr().out

        assert "tenant  smtp://127.0.0.1:2525  from Tenant <news@tenant.example>" in told
        assert told.count("mailroom.outbox.routing.ByOwner") == 2
        assert "canary" not in told

    def test_the_doctor_asks_each(self, smtp):
        with SMTPServer(Script(password="right-password")) as server:
            make("well", server.port, "right-password")
            make("ill", server.port, "wrong-password")
            make("gone", server.port, active=False)
            found = {one.about.split()[1]: one for one in mail_accounts(Means())}

        assert {name: one.status.value for name, one in found.items()} == {
            "well": "ok",
            "ill": "failed",
            "gone": "skipped",
        }
        assert "535" in found["ill"].words

    def test_the_doctor_waits_for_silent_servers_together(self, smtp):
        with SMTPServer() as server, SMTPServer(Script(greeting=SILENCE)) as silent:
            for number in range(20):
                make(f"silent-{number}", silent.port)
            make("well", server.port)
            begun = time.monotonic()
            found = [one.status.value for one in mail_accounts(Means())]
            assert time.monotonic() - begun < 10

        assert found == ["failed"] * 20 + ["ok"]

    @pytest.mark.parametrize(("answer", "status"), [(200, "ok"), (401, "failed")])
    def test_the_doctor_asks_an_accounts_api_with_its_key(self, settings, answer, status):
        with HTTPServer(Answer(answer, {})) as api:
            settings.MAIL_ACCOUNT_API_URLS = {"postmark": f"{api.url}/"}
            account = MailAccount(name="api", kind="postmark", from_email="news@api.example")
            account.set_secrets(server_token="canary-of-the-api")
            account.save()
            (found,) = mail_accounts(Means())
            assert [one.headers["X-Postmark-Server-Token"] for one in api.calls] == [
                "canary-of-the-api"
            ]
        assert found.status.value == status
        assert "canary" not in str(found)

    def test_the_doctor_finds_a_refused_sender_and_shows_no_password(self):
        mail = "550 5.7.1 Sender refused, my-password"
        with SMTPServer(Script(password="my-password", mail=mail)) as server:
            make("ill", server.port, "my-password")
            (found,) = mail_accounts(Means())
        assert found.status.value == "failed"
        assert "refuses MAIL FROM <news@ill.example>: 550 5.7.1 Sender refused, ***" in found.words


THREADS = 8  # of a worker, for lanes


@pytest.mark.parametrize("number", [40, pytest.param(500, marks=pytest.mark.full)])
def test_servers_that_hang_delay_nobody_elses_email(tmp_path, number):
    """Real processes: a worker's threads are what hangs."""
    with SMTPServer() as well, SMTPServer(Script(greeting=SILENCE)) as hanging:
        site = Site(
            tmp_path,
            DEBUG="1",
            MAILER_URL=well.url,
            MAIL_ACCOUNT_KEYS=Fernet.generate_key().decode(),
            MAIL_ACCOUNT_LOOPBACK_HOSTS="127.0.0.1",
        )
        site.set_up()
        code = f"""
from django.core.mail import EmailMessage
from django.db import transaction
from mailroom.models import MailAccount
from mailroom.outbox import Recipient, add_deliveries, freeze
def add(n):
    port = {hanging.port} if n < 3 else {well.port}
    options = {{"host": "127.0.0.1", "port": port, "security": "none"}}
    sender = f"Tenant <news@tenant{{n}}.example>"
    account = MailAccount.objects.create(
        name=f"tenant{{n}}", kind="smtp", options=options, from_email=sender
    )
    message = EmailMessage("Hello", "Good day.", to=[])
    message.account = account
    add_deliveries(freeze(message, "newsletters"), [Recipient(f"{{n}}@example.com")])
with transaction.atomic():
    [add(n) for n in range({number})]
"""
        site.shell(code)
        with site.running():
            sent = number - 3
            until(lambda: len(well.received) == sent, "everything else to be sent", seconds=300)
            states = site.sql("SELECT state, count(*) FROM mailroom_delivery GROUP BY state")

    senders = {(one.sender, one.recipients[0]) for one in well.received}
    assert senders == {(f"news@tenant{n}.example", f"{n}@example.com") for n in range(3, number)}
    assert dict(states).get("sent", 0) >= number - 3 - THREADS  # the last are being recorded
    assert well.most_connections + hanging.most_connections <= THREADS
