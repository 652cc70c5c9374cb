"""What the links in a notification's mail can do, and the headers that mail programs use."""

from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail, signing
from django.utils import timezone

from notifications import tokens
from notifications.kinds import KINDS, Way
from notifications.models import Announcement, Notification, Preference, Schedule
from notifications.notify import notify

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def message(ann, draft, drain):
    notify(ann, "announcement", target=draft, **draft.values())
    Announcement.objects.update(state=Announcement.State.SENT)
    drain()
    return mail.outbox[0]


def link(message, part: str) -> str:
    return next(word for word in message.body.split() if part in word)


class TestHeaders:
    def test_an_optional_kind_has_one_click(self, client, ann, message):
        address = message.extra_headers["List-Unsubscribe"].strip("<>")
        assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert client.get(address).status_code == 200
        assert Preference.chosen_by(ann) == {}  # scanners follow links
        client.handler.enforce_csrf_checks = True
        assert client.post(address, ONE_CLICK).status_code == 200
        assert Preference.chosen_by(ann) == {"announcement": "in-app"}
        client.post(address, ONE_CLICK)
        assert Preference.chosen_by(ann) == {"announcement": "in-app"}

    @pytest.mark.parametrize("more", [{}, {"headers": {"Transfer-Encoding": "chunked"}}])
    @pytest.mark.parametrize("ending", ["/", ""])
    def test_one_click_works_without_the_slash_and_without_a_length(
        self, client, ann, message, ending, more
    ):
        """A chunked body has no length, so that Django reads none of it."""
        address = message.extra_headers["List-Unsubscribe"].strip("<>").rstrip("/") + ending
        client.handler.enforce_csrf_checks = True
        body = b"" if more else b"List-Unsubscribe=One-Click"
        kind = "application/x-www-form-urlencoded"
        assert client.generic("POST", address, body, kind, **more).status_code == 200
        assert Preference.chosen_by(ann) == {"announcement": "in-app"}

    def test_a_required_kind_has_none_and_says_why(self, client, ann, drain):
        notify(ann, "sign_in", ip="203.0.113.7", browser="Lynx")
        drain()
        (message,) = mail.outbox
        assert "List-Unsubscribe" not in message.extra_headers
        assert "can’t be switched off" in message.body
        switch = tokens.make_token(ann.pk, "sign_in", ann.email)
        assert "can’t be switched off" in client.get(f"/notifications/switch/{switch}/").text
        client.post(f"/notifications/switch/{switch}/", ONE_CLICK)
        assert Preference.chosen_by(ann) == {}


class TestSwitch:
    def test_asks_stops_and_undoes(self, client, ann, message):
        address = link(message, "/switch/")
        assert "Stop these emails?" in client.get(address).text
        assert "have stopped" in client.post(address, follow=True).text
        client.post(f"{address}back/")
        assert Preference.chosen_by(ann) == {}

    def test_stops_what_waits_in_the_outbox_too(self, ann, draft, drain):
        notify(ann, "announcement", **draft.values())
        Preference.choose(ann, KINDS["announcement"], Way.IN_APP)
        drain()
        assert mail.outbox == []

    @pytest.mark.parametrize("path", ["switch", "preferences", "visit"])
    def test_a_forged_link_is_none(self, client, ann, path):
        good = tokens.make_token(ann.pk, "announcement", ann.email)
        for bad in ("x", good[:-1] + ("a" if good[-1] != "a" else "b"), "e30." + good):
            assert client.get(f"/notifications/{path}/{bad}/").status_code == 404

    def test_a_link_for_one_page_opens_no_other(self, client, ann):
        token = tokens.make_token(ann.pk, "announcement", ann.email)
        assert client.get(f"/notifications/visit/{token}/").status_code == 404

    def test_its_address_is_told_to_nobody(self, client, ann, message):
        response = client.get(link(message, "/switch/"))
        assert response["Referrer-Policy"] == "no-referrer"
        assert "no-store" in response["Cache-Control"]


class TestPreferences:
    """A forwarded email switches its own kind off, and changes no other settings."""

    CHOICES = {
        "announcement": "digest",
        "new_issue": "off",
        "time_zone": "Asia/Kolkata",
        "every": "week",
        "weekday": "4",
        "hour": "17",
        "paused_until": "2030-01-31",
    }

    @pytest.fixture
    def old(self, ann) -> str:
        """The link that emails of earlier versions hold."""
        return f"/notifications/preferences/{tokens.make_token(ann.pk, 'announcement', ann.email)}/"

    def test_take_signing_in(self, client, ann, message):
        page = link(message, "/preferences/")
        for answer in (client.get(page), client.post(page, self.CHOICES)):
            assert answer["Location"].startswith(
                "/accounts/login/?next=/notifications/preferences/"
            )
        assert Preference.chosen_by(ann) == {}

    def test_an_older_link_leads_to_the_switch_of_its_kind(self, client, ann, old):
        assert "Stop these emails?" in client.get(old, follow=True).text

    def test_an_older_link_changes_nothing(self, client, ann, old):
        for page in (old, old.replace("/preferences/", "/switch/") + "back/"):
            client.post(page, self.CHOICES, follow=True)
        ann.refresh_from_db()
        assert ann.time_zone != "Asia/Kolkata"
        assert set(Preference.chosen_by(ann)) <= {"announcement"}
        assert Schedule.of(ann).pk is None

    def test_an_older_link_ends_with_the_account(self, client, ann, old):
        ann.delete()
        assert client.get(old).status_code == 404


class TestVisit:
    def test_reads_it_at_once_for_its_reader(self, inside, message, draft):
        assert inside.get(link(message, "/visit/")).url == draft.get_absolute_url()
        assert Notification.objects.get().read_at

    def test_changes_nothing_for_a_scanner(self, client, message, draft):
        page = client.get(link(message, "/visit/"))
        assert "Mark as read and open" in page.text
        assert Notification.objects.get().read_at is None
        assert client.post(link(message, "/visit/")).url == draft.get_absolute_url()
        assert Notification.objects.get().read_at


PAGES = ("switch", "visit")  # the last part of each link


@pytest.fixture
def links(message) -> dict[str, str]:
    """The links of an announcement's email to Ann."""
    return {page: link(message, f"/{page}/") for page in PAGES}


class TestAfterAChangeOfAddress:
    """The old mailbox is somebody else's by now."""

    @pytest.fixture
    def old(self, links, ann) -> dict[str, str]:
        ann.email = "secret-new@example.com"
        ann.save()
        EmailAddress.objects.filter(user=ann).update(email=ann.email)
        return links

    def test_the_old_link_switches_the_kind_off(self, client, ann, old):
        assert "Stop these emails?" in client.get(old["switch"]).text
        assert "have stopped" in client.post(old["switch"], follow=True).text
        assert Preference.chosen_by(ann) == {"announcement": "in-app"}

    def test_so_does_the_one_click_of_its_header(self, client, ann, old, message):
        client.post(message.extra_headers["List-Unsubscribe"].strip("<>"), ONE_CLICK)
        assert Preference.chosen_by(ann) == {"announcement": "in-app"}

    def test_it_does_nothing_else(self, client, ann, old):
        choice = {"announcement": "off", "every": "week", "weekday": "4", "hour": "17"}
        page = old["switch"].replace("/switch/", "/preferences/")
        assert client.get(page).status_code == 404
        client.post(old["switch"], choice)
        assert client.post(f"{old['switch']}back/").status_code == 404
        assert Preference.chosen_by(ann) == {"announcement": "in-app"}

    def test_no_page_shows_the_new_address(self, client, old):
        for address in old.values():
            assert "secret-new" not in client.get(address, follow=True).text
        assert "secret-new" not in client.post(old["switch"], follow=True).text

    def test_links_to_the_new_address_do_everything(self, client, ann, old, draft, drain):
        mail.outbox.clear()
        notify(ann, "announcement", target=draft, **draft.values())
        drain()
        (message,) = mail.outbox
        assert "All notification settings" in client.get(link(message, "/switch/")).text


class TestHowLongTheyLast:
    def test_for_years(self, client, links):
        with time_machine.travel(timezone.now() + timedelta(days=2000)):
            assert {client.get(one).status_code for one in links.values()} == {200}

    @pytest.mark.parametrize("end", ["deleted", "deactivated"])
    def test_no_longer_than_the_account(self, client, ann, links, end):
        if end == "deleted":
            ann.delete()
        else:
            ann.is_active = False
            ann.save()
        assert client.get(links["switch"]).status_code == 404
        assert client.post(links["switch"], ONE_CLICK).status_code == 404
        assert client.post(f"{links['switch']}back/").status_code == 404
        assert not Preference.objects.exists()

    def test_a_visit_ends_with_its_notification(self, client, links):
        Notification.objects.all().delete()
        assert client.get(links["visit"]).status_code == 404
        assert client.post(links["visit"]).status_code == 404

    def test_with_a_fallback_every_link_stays_good_and_without_it_none(
        self, client, links, monkeypatch
    ):
        signers = (tokens._choices, tokens._visit, tokens._address)  # they read the key at start
        old = signers[0].key
        for one in signers:
            monkeypatch.setattr(one, "key", "another-key-" * 5)
        assert {client.get(one).status_code for one in links.values()} == {404}
        for one in signers:
            monkeypatch.setattr(one, "fallback_keys", [old])
        assert {client.get(one).status_code for one in links.values()} == {200}


class TestForwarded:
    """Someone else holds the email, with or without an account of their own."""

    def test_a_visit_of_somebody_else_who_is_signed_in_marks_nothing(self, client, bob, links):
        client.force_login(bob)
        assert "Mark as read and open" in client.get(links["visit"]).text
        assert Notification.objects.get().read_at is None

    def test_no_link_signs_in_or_leads_to_the_account(self, client, links):
        for address in links.values():
            client.get(address)
            client.post(address)
        assert "_auth_user_id" not in client.session
        for page in ("/notifications/", "/notifications/export/", "/accounts/data/"):
            assert "/accounts/login/" in client.get(page)["Location"]

    def test_every_token_is_refused_by_the_pages_of_the_others(self, client, ann, links):
        for page in PAGES:
            token = links[page].rstrip("/").rpartition("/")[2]
            for other in (
                "/notifications/visit/{}/",
                "/notifications/switch/{}/",
                "/accounts/mend/{}/",
                "/newsletters/confirm/{}/",
                "/newsletters/unsubscribe/{}/",
                "/newsletters/preferences/{}/",
                "/newsletters/preferences/all/{}/",
            ):
                own = "visit" if page == "visit" else "switch"
                if f"/{own}/" not in other:
                    assert client.get(other.format(token)).status_code == 404
                    assert client.post(other.format(token), {"sure": "on"}).status_code == 404
        assert Preference.chosen_by(ann) == {}

    def test_no_token_names_the_address(self, links):
        for address in links.values():
            content = address.rstrip("/").rpartition("/")[2].split(".")[0]
            assert "ann@" not in signing.b64_decode(content.encode()).decode()
