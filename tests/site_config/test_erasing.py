"""After a person is erased, no table of the database holds their address, in any spelling."""

import io
import json
import re
import zlib
from base64 import b64decode, b64encode
from contextlib import suppress
from email.message import MIMEPart

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.db import connection, models
from django.utils import timezone
from django_ox.models import OxTask

from accounts.own_data import delete_account
from mailroom.admin import erasing
from mailroom.csv_files import read_rows
from mailroom.models import Attempt, Delivery, Event, MailerHealth, Message, Suppression
from mailroom.outbox.personal_data import Mention, erase_address, export_address, quotes
from newsletters.models import (
    HistoryEntry,
    Issue,
    IssueTest,
    Newsletter,
    SubscriberImport,
    Subscription,
)
from newsletters.sending.publish import publish
from newsletters.subscribers.importing import import_subscribers
from newsletters.subscribers.tokens import confirm_token
from notifications.models import Notification

pytestmark = pytest.mark.django_db(transaction=True)

KEY, SPELLED = "ann.lee@xn--fa-hia.de", "Ann.Lee@FAß.de"
SPELLINGS = (
    "ann.lee@",
    "ann.lee%40",
    "ann.lee=40",
    "ann.lee&#64;",
    "ann lee",
    "ann;lee",
    "ann.lee@".encode("utf-16-le").decode("latin-1"),
)
OTHERS = ("joann.lee@xn--fa-hia.de", "ann.lee@xn--fa-hia.de.example", "bob@example.com")


def dump() -> str:
    """Every value of every table, in lower case."""
    lines = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                lines.extend(f"{table}: {_text(value)}" for value in row)
    return "\n".join(lines).lower()


def _text(value: object) -> str:
    """A value as text, behind it what is encoded in it: base64, JSON, sessions."""
    if isinstance(value, bytes | memoryview):
        data = bytes(value)
        return repr(data.decode("latin-1")) + repr(data.replace(b"\0", b"").decode("latin-1"))
    text = json.dumps(value, ensure_ascii=False, default=str) if value else ""
    for encoded in re.findall(r"[\w+/-]{12,}", text, re.ASCII):
        plain = encoded.replace("-", "+").replace("_", "/")
        for skipped in range(4):
            with suppress(ValueError):
                data = b64decode(plain[skipped:] + "===")
                text += repr(data.decode("latin-1"))
                with suppress(zlib.error):
                    text += repr(zlib.decompress(data).decode("latin-1"))
    return text


def left_over(text: str, spellings: tuple[str, ...] = SPELLINGS) -> list[str]:
    for other in OTHERS:
        text = text.replace(other, "")
    return [line for line in text.splitlines() if any(one in line for one in spellings)]


@pytest.fixture
def take_in():
    def run(text: str):
        weekly = Newsletter.objects.get(slug="weekly")
        return import_subscribers(weekly, io.BytesIO(text.encode()), "A list")

    return run


@pytest.fixture
def editor():
    return get_user_model().objects.create_superuser("editor@example.com", None)


@pytest.fixture
def ann(outbox_mailers, editor, client) -> None:
    """Ann has left her address in every place that takes one."""
    weekly = Newsletter.objects.create(name="Weekly", slug="weekly")
    monthly = Newsletter.objects.create(name="Monthly", slug="monthly")
    confirmed = {"state": "confirmed", "confirmed_at": timezone.now()}
    for newsletter in (weekly, monthly):
        Subscription.objects.create(
            newsletter=newsletter, email=SPELLED, name="Ann Lee", **confirmed
        )
    Subscription.objects.create(newsletter=weekly, email="bob@example.com", **confirmed)
    issue = Issue.objects.create(newsletter=weekly, subject="One", slug="one", body="Hello")
    publish(issue)
    EmailMessage(
        "For both", "Hello", to=[f"Ann Lee <{SPELLED}>", "Bob <bob@example.com>"], cc=[OTHERS[0]]
    ).send(using="default")
    EmailMessage("For Ann", f"Dear {SPELLED}", to=[SPELLED]).send(using="default")
    EmailMessage("About Ann", f"{KEY} wrote", to=["bob@example.com"]).send(using="notifications")
    encoded = EmailMessage("Encoded", f"{KEY} ann.lee=40xn--fa-hia.de", to=["bob@example.com"])
    encoded.body += f' "Ann Lee" <{KEY}>, ANN.LEE%40FA%C3%9F.DE, ann.lee&#64;xn--fa-hia.de'
    encoded.body += f" {b64encode(f'x{KEY}y'.encode()).decode()}"
    encoded.extra_headers = {"Reply-To": f"Bob <bob@example.com>, Ann Lee <{KEY}>"}
    lines = f"email\n{KEY}\n{OTHERS[0]}\n{OTHERS[1]}\n"
    encoded.attach("list.txt", lines.encode(), "application/octet-stream")
    part = MIMEPart()
    part.set_content("ann.lee@faß.de, ß\n" * 9, cte="base64")
    encoded.attach(part)
    encoded.send(using="notifications")
    browser = SessionStore()
    browser["pending_sign_up"] = {"email": KEY, "name": "Ann Lee"}
    browser["theme"] = "dark"
    browser.save()
    for n, row in enumerate(Delivery.objects.of(KEY)):
        Event.objects.create(
            provider="p", event_id=f"{n} {KEY}", kind="accepted", delivery=row, address=KEY,
            description=f"250 {SPELLED} accepted",
        )  # fmt: skip
        Attempt.objects.create(delivery=row, outcome="refused", error=f"450 <{SPELLED}> greylisted")
    refused = {"ann.lee@xn--fa-hia.de": (550, "no such user")}
    Delivery.objects.filter(address="bob@example.com").update(error=f"{refused!r}")
    MailerHealth.objects.create(alias="memory", error=f"550 {KEY}: unknown")
    Suppression.objects.create(address=SPELLED, reason="bounced", note=f"{SPELLED} is full")
    lifted = Suppression.objects.create(address=KEY, channel="newsletters", reason="complained")
    lifted.lift(f"Ann Lee ({KEY}) wrote to us")
    LogEntry.objects.create(
        user=editor, action_flag=CHANGE, object_repr=SPELLED,
        change_message=json.dumps([{"changed": {"name": "subscription", "object": SPELLED}}]),
    )  # fmt: skip
    OxTask.objects.create(
        task_path="newsletters.sending.publish.queue_issue", args=[KEY], kwargs={"who": KEY},
        backend_name="default", enqueued_at=timezone.now(), status="FAILED",
        errors=[{"exception_class_path": "ValueError", "traceback": f"ValueError: {SPELLED!r}"}],
        return_value=[SPELLED],
    )  # fmt: skip
    Issue.objects.filter(pk=issue.pk).update(stop_reason=f"550 <{SPELLED}> is unknown")
    HistoryEntry.objects.create(issue=issue, step="tested", who=KEY, note=f"{KEY}, bob@example.com")
    IssueTest.objects.create(issue=issue, content="x", addresses=[KEY, "bob@example.com"])
    SubscriberImport.objects.create(
        newsletter=weekly, consent=f"{KEY} agreed", file_name=f"{KEY}.csv", state="ready",
        header=[KEY, "en"],
        faults=[f"Line 2: {SPELLED} is there already."],
        sample=[["new", KEY, "Ann Lee", "en"], ["new", "bob@example.com", "Bob", "en"]],
        data=f"email;first;last\n{SPELLED};Ann;Lee\nbob@example.com;Bob;\n".encode("utf-16"),
        problem_file=f"line,reason,email,name\n3,unknown state,{SPELLED},Ann Lee\n".encode(),
    )  # fmt: skip
    Notification.objects.create(
        recipient=editor, kind="security", data={"from": SPELLED}, actor=KEY,
        target_url="/admin/?q=ann.lee%40xn--fa-hia.de", batch_key=f"About {KEY}",
    )  # fmt: skip
    EmailAddress.objects.create(user=editor, email=KEY)  # typed in, and never confirmed


# Columns of text that hold no address and nothing about a person, or that go with their row.
NEITHER = {
    # Rows of the person, deleted or anonymised by their store.
    "accounts.User": "email password time_zone",
    "account.EmailAddress": "email",
    "account.EmailConfirmation": "key",
    "mfa.Authenticator": "data",
    "usersessions.UserSession": "ip session_key",
    "newsletters.Subscription": "email consent_ip consent_wording",
    "newsletters.ErasedAddress": "digest",  # keyed
    "notifications.Preference": "kind delivery",
    "mailroom.Delivery": "address address_key channel route holder alias provider_id",
    "mailroom.Event": "address provider told_provider_id",
    "mailroom.Suppression": "address channel",
    # What an editor or an operator wrote: it was published, or the site is run by it.
    "newsletters.Newsletter": "name slug description sender_name sender_address reply_to colour"
    " footer postal_address privacy_url",
    "newsletters.Issue": "subject slug web_title preheader body text saved_by_tab",
    "newsletters.OldSlug": "slug",
    "newsletters.PictureContent": "name content",
    "notifications.Announcement": "title body",
    "mailroom.MailAccount": "name owner options encrypted from_email reply_to channels",
    "auth.Group": "name",
    # Names, keys and numbers of our own.
    "newsletters.IssueTest": "content",
    "newsletters.Picture": "digest type",
    "newsletters.SubscriberImport": "columns counts",
    "notifications.Mailing": "kind event",
    "notifications.Notification": "kind dedupe_key",
    "mailroom.Message": "type channel route owner",
    "mailroom.Attempt": "alias provider_id",
    "mailroom.OutcomeCount": "channel alias state",
    "mailroom.DailyCount": "name",
    "mailroom.MailerHealth": "alias",
    "mailroom.ChannelPace": "channel",
    "mailroom.WorkerBeat": "name",
    "mailroom.ClockLease": "name",
    "django_ox.OxTask": "task_path queue_name backend_name worker_ids locked_by",
    "django_ox.OxSchedule": "name task_key cron arguments boundary_for",
    "django_ox.OxScheduleTick": "schedule_name",
    "admin.LogEntry": "object_id",
    "auth.Permission": "name codename",
    "contenttypes.ContentType": "app_label model",
    "sessions.Session": "session_key session_data",  # encoded: accounts.own_data reads them
}
TEXTS = (
    models.BinaryField,
    models.CharField,
    models.GenericIPAddressField,
    models.JSONField,
    models.TextField,
)


def test_every_column_of_text_is_declared_or_known_to_hold_no_address():
    """A new column fails this until somebody decides: register_quotes(), a store, or NEITHER."""
    declared = quotes()
    undecided, decided_twice = [], []
    for model in apps.get_models(include_auto_created=True):
        label = model._meta.label
        neither = set(NEITHER.get(label, "").split())
        for column in model._meta.concrete_fields:
            if isinstance(column, TEXTS) and not column.choices:
                known = (column.name in declared.get(label, ())) + (column.name in neither)
                undecided += [f"{label}.{column.name}"] * (known == 0)
                decided_twice += [f"{label}.{column.name}"] * (known == 2)
    assert undecided == decided_twice == []


def test_every_declared_column_exists():
    for label, names in quotes().items():
        for name in names:
            assert apps.get_model(label)._meta.get_field(name)


def test_the_dump_finds_what_is_there(ann):
    tables = {line.partition(":")[0] for line in left_over(dump())}
    assert tables >= {
        "django_admin_log", "django_ox_oxtask", "mailroom_attempt",
        "mailroom_delivery",
        "mailroom_event", "mailroom_mailerhealth", "mailroom_message", "mailroom_suppression",
        "account_emailaddress", "newsletters_historyentry", "newsletters_issue",
        "newsletters_issuetest", "newsletters_subscriberimport",
        "newsletters_subscription", "notifications_notification", "django_session",
    }  # fmt: skip


def test_nothing_is_left_of_an_address(ann, drain):
    drain()
    Delivery.objects.filter(address="bob@example.com").update(error=f"{KEY} bounced")
    for _ in range(2):  # repeating it does no harm
        erase_address(f" Ann Lee <{SPELLED}> ")
        assert left_over(dump()) == []
    (file, part) = Message.objects.get(subject="Encoded").content["attachments"]
    assert b64decode(file[1]["$bytes"]).decode() == f"email\n\n{OTHERS[0]}\n{OTHERS[1]}\n"
    assert b64decode(part["$mime"]).endswith(b"[erased]\n")
    assert Suppression.objects.of(KEY).get().reason == "bounced"  # known by a keyed hash
    assert export_address(KEY)["subscriptions"] == export_address(KEY)["mails"] == []


ESCAPED = {
    "quoted": 'smtp;550 <"ann.lee"@FAß.DE> is unknown',
    "quoted in JSON": r"{\"to\":\"\\\"ann.lee\\\"@xn--fa-hia.de\"}",
    "in a URL": "?to=%3Cann%2elee%40fa%C3%9F%2Ede%3E",
    "in a URL in a URL": "?next=%252F&to=ann.lee%2540xn--fa-hia.de",
    "in HTML": "&lt;ann&#46;lee&commat;fa&#xDF;.de&gt;",
    "quoted-printable": "=3Cann=2Elee=40fa=C3=9F.de=3E",
    "in JSON": r"\u003cann.lee\u0040fa\u00df.de\u003e",
    "in JSON in JSON": r"ann.lee@fa\\u00df.de",
    "on a line of its own": r"recipients:\nann.lee@xn--fa-hia.de\nbob@example.com",
    "in the sender of a bounce": "<bounces+ann.lee=xn--fa-hia.de@mailer.example>",
    "in one that was rewritten": "<SRS0=Hx=4T=xn--fa-hia.de=ann.lee@relay.example>",
    "in base64, as it was typed": b64encode(f"to {SPELLED}".encode()).decode(),
}


@pytest.mark.parametrize("how", ESCAPED)
def test_no_escaping_hides_it(how):
    row = Suppression.objects.create(address="b@example.com", reason="manual", note=ESCAPED[how])
    erase_address(SPELLED)
    row.refresh_from_db()
    assert "[erased]" in row.note
    assert not re.search("lee|fa", row.note)


@pytest.mark.parametrize(
    "other",
    ["x%2Bann.lee@fa%C3%9F.de", "jo=2Eann.lee=40faß.de", '"jo ann.lee"@faß.de', "ann.lee@fas.de"],
)
def test_one_that_only_ends_like_it_stays(other):
    row = Suppression.objects.create(address="b@example.com", reason="manual", note=other)
    erase_address(SPELLED)
    row.refresh_from_db()
    assert row.note == other


@pytest.mark.parametrize("letter", ['"', "\\", "%25", "&#0", "ann.lee", "Ann Lee "])
def test_no_text_keeps_it_busy(letter):
    text = letter * 20_000  # for minutes, if the time grew with the square
    assert Mention(KEY, {"Ann Lee"})._without(text) == text


@pytest.mark.parametrize("spelling", ["ANN.LEE@FAẞ.DE", "ann.lee@n\u0303.fr", "Ann.Lee@Ñ.FR"])
def test_capitals_and_decomposed_letters_are_the_same_address(spelling):
    address = SPELLED if "FA" in spelling else "ann.lee@ñ.fr"
    note = f"To {spelling}, not to jo{spelling} or ann.lee@fass.de"
    row = Suppression.objects.create(address="bob@example.com", reason="manual", note=note)
    data = f"email\n{spelling}\njo{spelling}\n".encode("utf-16")
    newsletter = Newsletter.objects.create(name="Weekly", slug="weekly")
    job = SubscriberImport.objects.create(newsletter=newsletter, data=data)
    erase_address(address)
    row.refresh_from_db()
    job.refresh_from_db()
    assert row.note == f"To [erased], not to jo{spelling} or ann.lee@fass.de"
    assert [one.cells[0] for one in read_rows(job.file)] == ["email", "–", f"jo{spelling}"]


def test_what_waits_goes_out_to_the_others_unchanged(ann, drain):
    erase_address(KEY)
    drain()
    assert left_over(dump(), ("ann.lee@fa",)) == []
    sent = {message.subject: message for message in mail.outbox}
    assert sent.keys() == {"For both", "About Ann", "Encoded", "One"}
    assert sent["For both"].recipients() == ["Bob <bob@example.com>", OTHERS[0]]
    assert sent["About Ann"].body == f"{KEY} wrote"
    assert sent["One"].to == ["bob@example.com"]
    erase_address(KEY)  # what mentioned it has been sent by now
    assert left_over(dump()) == []


def test_the_rows_of_others_stay_in_a_file_and_a_session_keeps_the_rest(ann):
    erase_address(KEY)
    job = SubscriberImport.objects.get()
    assert job.sample == [["new", "bob@example.com", "Bob", "en"]]
    assert [row.cells for row in read_rows(job.file)][2] == ["bob@example.com", "Bob", ""]
    assert any(one.get_decoded() == {"theme": "dark"} for one in Session.objects.all())


def test_a_session_of_somebody_else_forgets_it_and_stays_signed_in(client, editor):
    client.force_login(editor)
    session = client.session
    session["_messages"] = f"{SPELLED} gets an email with a confirmation link."
    session.save()
    erase_address(KEY)
    assert client.get("/accounts/profile/").status_code == 200
    assert left_over(dump()) == []


def test_an_import_does_not_subscribe_whoever_was_erased(ann, take_in):
    erase_address(KEY)
    text = f"email,state\n{SPELLED},confirmed\ncarol@example.com,\n"
    for _ in range(2):
        assert take_in(text)["erased"] == 1
    assert not Subscription.objects.of(KEY).exists()
    assert Subscription.objects.of("carol@example.com").exists()


def test_whoever_was_erased_may_subscribe_again(client, ann, take_in):
    erase_address(KEY)
    weekly = Newsletter.objects.get(slug="weekly")
    client.post("/newsletters/weekly/", {"email": SPELLED})
    row = Subscription.objects.of(KEY).get()
    assert take_in(f"{SPELLED}\n")["erased"] == 1  # somebody else may have typed it in
    row.refresh_from_db()
    assert row.is_pending
    client.post(f"/newsletters/confirm/{confirm_token(row)}/")
    row.refresh_from_db()
    assert row.is_confirmed
    assert take_in(f"{SPELLED}\n") == {"known": 1}
    assert weekly.subscriptions.confirmed().of(KEY).exists()


def test_what_is_remembered_survives_a_change_of_the_key(ann, settings, take_in):
    erase_address(KEY)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-" * 5
    assert take_in(f"{SPELLED}\n") == {"erased": 1}


def test_addresses_that_contain_it_stay(ann):
    Suppression.objects.create(address=OTHERS[0], reason="manual", note=" and ".join(OTHERS))
    erase_address(KEY)
    assert Suppression.objects.get(address=OTHERS[0]).note == " and ".join(OTHERS)
    assert Message.objects.get(subject="For both").cc == [OTHERS[0]]


class TestByHand:
    """Whom an operator deletes in the admin."""

    @pytest.fixture
    def delete(self, client, editor, ann, drain):
        drain()
        client.force_login(editor)

        def run(rows, way: str) -> None:
            keys = [row.pk for row in rows]
            if way == "page":
                for key in keys:
                    client.post(f"/admin/newsletters/subscription/{key}/delete/", {"post": "yes"})
            else:
                chosen = {"action": "delete_selected", "_selected_action": keys, "post": "yes"}
                client.post("/admin/newsletters/subscription/", chosen)

        return run

    @pytest.mark.parametrize("way", ["page", "action"])
    def test_all_of_a_person_is_erased_with_their_last_subscription(self, delete, take_in, way):
        delete(Subscription.objects.of(KEY), way)
        assert left_over(dump()) == []
        assert take_in(f"{SPELLED}\n") == {"erased": 1}
        assert Subscription.objects.get().email == "bob@example.com"

    def test_one_subscription_of_several_goes_alone_and_is_not_imported_again(
        self, delete, take_in
    ):
        delete(Subscription.objects.of(KEY).filter(newsletter__slug="weekly"), "page")
        assert take_in(f"{SPELLED}\n") == {"erased": 1}
        assert Subscription.objects.of(KEY).get().newsletter.slug == "monthly"
        assert Delivery.objects.of(KEY).exists()


def test_erased_listed_again_and_erased_again(ann):
    for reason in ("manual", "bounced", "manual"):
        erase_address(KEY)
        Suppression.objects.create(address=KEY, reason=reason)
        Suppression.objects.create(address=KEY, channel="newsletters", reason="complained")
    erase_address(KEY)
    rows = Suppression.objects.of(KEY).order_by("channel")
    assert list(rows.values_list("channel", "reason")) == [
        ("", "bounced"),
        ("newsletters", "complained"),
    ]
    assert not [one for one in left_over(dump()) if one.startswith("mailroom_suppression")]


def test_a_report_that_comes_later_brings_nothing_back(ann, drain):
    from mailroom.delivery.feedback import handle_waiting

    row = Delivery.objects.of(KEY).first()
    erase_address(KEY)
    drain()
    erase_address(KEY)
    Event.objects.create(
        provider="p", event_id="later", kind="hard_bounce", address=KEY, told_delivery=row.pk,
        description=f"{SPELLED} is unknown", is_signed=True,
    )  # fmt: skip
    handle_waiting()
    assert left_over(dump(), SPELLINGS[:2]) == []


class TestAccounts:
    @pytest.fixture
    def account(self, ann, client):
        user = get_user_model().objects.create_user(SPELLED, "correct-horse-42", name="Ann Lee")
        EmailAddress.objects.create(user=user, email=KEY, verified=True, primary=True)
        EmailAddress.objects.create(user=user, email="bob@example.com", verified=False)
        client.post("/accounts/login/", {"login": SPELLED, "password": "correct-horse-42"})
        assert "_auth_user_id" in client.session
        Notification.objects.create(recipient=user, kind="security", data={})
        return user

    def test_the_owner_exports_everything(self, client, account):
        (found,) = client.post("/accounts/data/").json()
        assert found["address"] == "ann.lee@faß.de"
        assert found["account"]["profile"]["name"] == "Ann Lee"
        assert len(found["subscriptions"]) == 2
        assert found["notifications"]["notifications"]
        assert found["mails"]
        assert found["reports"]
        assert found["stopped"]

    def test_a_link_exports_nothing_of_the_account(self, account):
        assert not {"account", "notifications"} & export_address(KEY).keys()

    def test_the_owner_deletes_it_all(self, client, account, drain):
        drain()
        client.post("/accounts/delete/")
        assert get_user_model().objects.filter(pk=account.pk).exists()
        answer = client.post("/accounts/delete/", {"sure": "on"}, follow=True)
        assert "have been deleted" in answer.text
        assert "_auth_user_id" not in client.session
        assert left_over(dump()) == []
        assert Subscription.objects.get().email == "bob@example.com"  # which was not confirmed

    def test_deleting_takes_more_than_an_old_session(self, client, account):
        session = client.session
        for record in session["account_authentication_methods"]:
            record["at"] -= 10_000
        session.save()
        for answer in (
            client.get("/accounts/delete/"),
            client.post("/accounts/delete/", {"sure": "on"}),
        ):
            assert answer.status_code == 302
            assert "/accounts/reauthenticate/" in answer["Location"]
        assert get_user_model().objects.filter(pk=account.pk).exists()

    def test_strangers_are_sent_to_the_sign_in(self, client, ann):
        for page in ("/accounts/data/", "/accounts/delete/"):
            assert client.get(page).status_code == 302
            assert client.post(page, {"sure": "on"}).status_code == 302

    @pytest.mark.parametrize("way", ["page", "action"])
    def test_an_administrator_deletes_it_all(self, client, account, editor, drain, way):
        drain()
        client.force_login(editor)
        if way == "page":
            page = f"/admin/accounts/user/{account.pk}/delete/"
            client.post(page, {"post": "yes"})
        else:
            chosen = {"action": "delete_selected", "_selected_action": [account.pk], "post": "yes"}
            client.post("/admin/accounts/user/", chosen)
        assert not get_user_model().objects.filter(pk=account.pk).exists()
        assert left_over(dump()) == []

    def test_what_another_account_has_confirmed_stays(self, account):
        bob = get_user_model().objects.create_user("bob@example.com")
        EmailAddress.objects.create(user=bob, email=bob.email, verified=True, primary=True)
        get_user_model().objects.filter(pk=account.pk).update(email="old@example.com")
        EmailAddress.objects.filter(user=account, email="bob@example.com").delete()
        delete_account(get_user_model().objects.get(pk=account.pk))
        assert Subscription.objects.filter(email="bob@example.com").exists()
        assert get_user_model().objects.filter(pk=bob.pk).exists()


class TestManyAtOnce:
    """More people than a request has time for are deleted by a task."""

    @pytest.mark.parametrize("task", ["is done", "is lost"])
    @pytest.mark.parametrize("what", ["accounts.User", "newsletters.Subscription"])
    def test_are_stopped_at_once_and_then_erased(
        self, client, ann, editor, drain, monkeypatch, what, task
    ):
        drain()
        monkeypatch.setattr(erasing, "SECONDS", 0)
        model = apps.get_model(what)
        EmailAddress.objects.filter(email=KEY).delete()
        user = get_user_model().objects.create_user(KEY)
        EmailAddress.objects.create(user=user, email=KEY, verified=True, primary=True)
        client.force_login(editor)
        page = f"/admin/{what.lower().replace('.', '/')}/"
        pks = list(model.objects.filter(email=KEY).values_list("pk", flat=True))
        chosen = {"action": "delete_selected", "_selected_action": pks, "post": "yes"}
        assert "continues in the background" in client.post(page, chosen, follow=True).text

        left = model.objects.filter(pk__in=pks)
        assert left.exists()
        is_user = what == "accounts.User"
        assert not left.filter(**{"is_active": True} if is_user else {"state": "confirmed"})
        if task == "is lost":
            OxTask.objects.all().delete()
        drain()
        assert not left.exists()
        if is_user:
            assert left_over(dump()) == []
        assert not Delivery.objects.of(KEY).exists()

    def test_nobody_else_is_deleted(self, editor, drain):
        other = get_user_model().objects.create_user("bob@example.com", is_active=False)
        users = ContentType.objects.get_for_model(other)
        for model, action in ((users, CHANGE), (None, DELETION)):
            LogEntry.objects.create(
                user=editor, content_type=model, object_id=str(other.pk), action_flag=action
            )
        drain()
        assert get_user_model().objects.filter(pk=other.pk).exists()


class TestAddressesOfBefore:
    """An account had another address, and its owner or an administrator deletes it."""

    @pytest.fixture
    def moved(self, ann, client, drain):
        """Ann's account, which was moved to another address and named a third one."""
        cache.clear()  # rate limits
        user = get_user_model().objects.create_user(SPELLED, "correct-horse-42", name="Ann Lee")
        EmailAddress.objects.create(user=user, email=KEY, verified=True, primary=True)
        EmailAddress.objects.filter(email=KEY, verified=False).delete()
        client.post("/accounts/login/", {"login": SPELLED, "password": "correct-horse-42"})
        for address in ("ann@new.example", "ann@third.example"):
            client.post("/accounts/email/", {"action_add": "", "email": address})
            drain()
            text = next(one for one in mail.outbox if one.to == [address]).body
            if address == "ann@new.example":
                client.post(re.search(r"/accounts/confirm-email/\S+", text)[0])
        drain()
        user.refresh_from_db()
        assert user.email == "ann@new.example"
        return user

    def leave(self, client, moved) -> list[str]:
        client.post("/accounts/delete/", {"sure": "on"})
        assert not get_user_model().objects.filter(pk=moved.pk).exists()
        return left_over(dump(), (*SPELLINGS, "ann@new", "ann@third"))

    def test_all_of_them_are_exported_and_erased(self, client, moved):
        own, before = client.post("/accounts/data/").json()
        assert own["account"]["former_addresses"] == [KEY]
        assert before["address"] == "ann.lee@faß.de"
        assert before["mails"]
        assert self.leave(client, moved) == []

    def test_so_are_those_that_an_administrator_changed(self, client, moved, editor):
        client.force_login(editor)
        page = f"/admin/accounts/user/{moved.pk}/"
        fields = {"email": "ann@last.example", "language": "en", "time_zone": "UTC"}
        client.post(f"{page}change/", fields)
        client.post(f"{page}delete/", {"post": "yes"})
        assert not get_user_model().objects.filter(pk=moved.pk).exists()
        assert left_over(dump(), (*SPELLINGS, "ann@new", "ann@third", "ann@last")) == []

    @pytest.mark.parametrize("by", ["account", "subscription"])
    def test_one_that_somebody_uses_since_is_left_alone(self, client, moved, by):
        if by == "account":
            other = get_user_model().objects.create_user("carol@example.com")
            EmailAddress.objects.create(user=other, email=KEY, verified=False)
        else:
            client.post("/newsletters/weekly/", {"email": KEY})
        before = Delivery.objects.of(KEY).count()
        assert self.leave(client, moved)
        assert Delivery.objects.of(KEY).count() == before - 1  # the notice of the change

    def test_one_that_was_only_named_keeps_what_others_sent_there(self, client, moved):
        address = "ann@third.example"
        weekly = Newsletter.objects.get(slug="weekly")
        Subscription.objects.create(newsletter=weekly, email=address, state="confirmed")
        EmailMessage("An order", "Hello", to=[address]).send(using="default")
        self.leave(client, moved)
        assert Delivery.objects.of(address).get().state == "queued"
        assert Subscription.objects.of(address).get().is_confirmed


class TestAnUnconfirmedSignUp:
    """Anybody can sign up with the address of somebody else."""

    def test_takes_nothing_of_theirs_along(self, client, ann, editor, drain):
        form = {"email": KEY, "password1": "correct-horse-42", "password2": "correct-horse-42"}
        EmailAddress.objects.filter(email=KEY).delete()
        client.post("/accounts/signup/", form)
        drain()
        user = get_user_model().objects.get(email=KEY)
        before = Delivery.objects.of(KEY).count()
        client.force_login(editor)
        client.post(f"/admin/accounts/user/{user.pk}/delete/", {"post": "yes"})
        assert not get_user_model().objects.filter(pk=user.pk).exists()
        assert Delivery.objects.of(KEY).count() == before - 1  # the confirmation
        assert Subscription.objects.of(KEY).confirmed().count() == 2

    def test_exports_only_the_account(self, client, ann):
        user = get_user_model().objects.create_user(KEY, name="Ned")
        EmailAddress.objects.create(user=user, email=KEY, verified=False, primary=True)
        client.force_login(user)
        (found,) = client.post("/accounts/data/").json()
        assert found.keys() == {"address", "account", "notifications"}
