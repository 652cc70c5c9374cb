"""What the links in a notification's mail can do, and the headers that mail programs use."""

import pytest
from django.core import mail

from notifications import tokens
from notifications.kinds import KINDS, Way
from notifications.models import Announcement, Notification, Preference
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

    def test_a_required_kind_has_none_and_says_why(self, client, ann, drain):
        notify(ann, "sign_in", ip="203.0.113.7", browser="Lynx")
        drain()
        (message,) = mail.outbox
        assert "List-Unsubscribe" not in message.extra_headers
        assert "can’t be switched off" in message.body
        switch = tokens.make(ann.pk, "sign_in")
        assert "can’t be switched off" in client.get(f"/notifications/switch/{switch}/").text
        client.post(f"/notifications/switch/{switch}/", ONE_CLICK)
        assert Preference.chosen_by(ann) == {}


class TestSwitch:
    def test_asks_stops_and_undoes(self, client, ann, message):
        address = link(message, "/switch/")
        assert "Stop these mails?" in client.get(address).text
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
        good = tokens.make(ann.pk, "announcement")
        for bad in ("x", good[:-1] + ("a" if good[-1] != "a" else "b"), "e30." + good):
            assert client.get(f"/notifications/{path}/{bad}/").status_code == 404

    def test_a_link_for_one_page_opens_no_other(self, client, ann):
        token = tokens.make(ann.pk, "announcement")
        assert client.get(f"/notifications/visit/{token}/").status_code == 404

    def test_a_key_that_was_replaced_still_signs_old_mails(self, client, ann, settings):
        token = tokens.make(ann.pk, "announcement")
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "new" * 20
        assert tokens.read(token).user == ann

    def test_its_address_is_told_to_nobody(self, client, ann, message):
        response = client.get(link(message, "/switch/"))
        assert response["Referrer-Policy"] == "no-referrer"
        assert "no-store" in response["Cache-Control"]


class TestPreferencesByLink:
    def test_are_the_same_page_without_a_log_in(self, client, ann, message):
        address = link(message, "/preferences/")
        assert 'name="announcement"' in client.get(address).text
        rhythm = {"every": "week", "weekday": "4", "hour": "17", "paused_until": "2030-01-31"}
        choice = {"announcement": "digest", "time_zone": "Asia/Kolkata"}
        assert "Your choices are saved." in client.post(address, rhythm | choice, follow=True).text
        ann.refresh_from_db()
        assert ann.time_zone == "Asia/Kolkata"
        assert Preference.chosen_by(ann) == {"announcement": "digest"}
        schedule = ann.notification_schedule
        assert (schedule.every, schedule.weekday, schedule.hour) == ("week", 4, 17)

    def test_offer_no_export(self, client, message):
        assert "export" not in client.get(link(message, "/preferences/")).text

    def test_end_with_the_account(self, client, ann, message):
        address = link(message, "/preferences/")
        ann.delete()
        assert client.get(address).status_code == 404


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
