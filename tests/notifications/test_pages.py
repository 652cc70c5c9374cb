"""The in-app inbox and the preferences, without JavaScript."""

import pytest

from notifications.models import Announcement, Notification, Preference, Schedule
from notifications.notify import notify

RHYTHM = {"every": "day", "weekday": "0", "hour": "8", "paused_until": "", "time_zone": "UTC"}
INBOX, PREFERENCES = "/notifications/", "/notifications/preferences/"


@pytest.fixture
def told(ann):
    """Tell Ann of a new issue; the row."""

    def tell(subject: str = "First", **extra) -> Notification:
        notify(ann, "new_issue", newsletter="Weekly", subject=subject, **extra)
        return Notification.objects.latest("pk")

    return tell


class TestInbox:
    def test_shows_the_newest_first(self, inside, told):
        told("Older")
        told("Newer")
        page = inside.get(INBOX).text
        assert page.index("Newer") < page.index("Older")

    def test_is_empty_at_first(self, inside):
        assert "No notifications yet." in inside.get(INBOX).text

    def test_shows_only_ones_own(self, inside, bob):
        notify(bob, "new_issue", newsletter="Weekly", subject="For Bob")
        assert "For Bob" not in inside.get(INBOX).text

    def test_is_cut_into_pages(self, inside, told):
        for number in range(31):
            told(f"Issue {number:02}.")
        first = inside.get(INBOX)
        assert "Issue 30." in first.text
        assert "Issue 00." not in first.text
        second = inside.get(INBOX, {"before": first.context["more"]})
        assert "Issue 00." in second.text
        assert second.context["more"] is None

    @pytest.mark.parametrize("before", ["x", "-1", "²", "9" * 40, "9" * 5000, ""])
    def test_an_odd_page_is_no_error(self, inside, told, before):
        told()
        assert inside.get(INBOX, {"before": before}).status_code == 200

    def test_a_kind_that_is_gone_is_said_to_be(self, inside, ann):
        Notification.objects.create(recipient=ann, kind="gossip")
        assert "no longer exists" in inside.get(INBOX).text

    def test_names_and_texts_of_others_are_escaped(self, inside, ann):
        attack = '<script>alert(1)</script>"'
        notify(ann, "new_issue", actor=attack, newsletter=attack, subject=attack)
        row = Announcement.objects.create(title=attack, author=ann)
        notify(ann, "announcement", actor=ann, **row.values())
        ann.name = attack
        ann.save()
        assert "<script>alert" not in inside.get(INBOX).text


class TestReading:
    def test_the_badge_counts(self, inside, told):
        told()
        assert inside.get(INBOX).context["unread_notifications"] == 1
        told()
        assert "2 unread" in " ".join(inside.get("/").text.split())

    def test_the_badge_stops_at_a_hundred(self, inside, ann):
        many = [Notification(recipient=ann, kind="security") for _ in range(120)]
        Notification.objects.bulk_create(many)
        assert inside.get(INBOX).context["unread_notifications"] == 100

    def test_opening_marks_it_and_goes_there(self, inside, told):
        row = told(target="/newsletters/")
        assert inside.post(f"/notifications/{row.pk}/open/").url == "/newsletters/"
        row.refresh_from_db()
        assert row.read_at

    def test_opening_again_keeps_the_first_time(self, inside, told):
        row = told()
        inside.post(f"/notifications/{row.pk}/open/")
        row.refresh_from_db()
        first = row.read_at
        inside.post(f"/notifications/{row.pk}/open/")
        row.refresh_from_db()
        assert row.read_at == first

    def test_following_a_link_changes_nothing(self, inside, told):
        assert inside.get(f"/notifications/{told().pk}/open/").status_code == 405
        assert inside.get("/notifications/read/").status_code == 405
        assert Notification.objects.get().read_at is None

    def test_all_at_once(self, inside, told, bob):
        told()
        told()
        notify(bob, "new_issue")
        inside.post("/notifications/read/")
        assert list(Notification.objects.unread().values_list("recipient", flat=True)) == [bob.pk]
        assert "You have read everything." in inside.get(INBOX, {"show": "unread"}).text

    def test_that_of_somebody_else_is_not_found(self, inside, bob):
        notify(bob, "new_issue")
        row = Notification.objects.get()
        assert inside.post(f"/notifications/{row.pk}/open/").status_code == 404
        row.refresh_from_db()
        assert row.read_at is None

    @pytest.mark.parametrize("pk", [0, 9**30])
    def test_what_is_not_there_is_not_found(self, inside, pk):
        assert inside.post(f"/notifications/{pk}/open/").status_code == 404


class TestPreferences:
    def test_saves_what_was_chosen(self, inside, ann):
        choice = {"new_issue": "off", "announcement": "in-app"}
        response = inside.post(PREFERENCES, RHYTHM | choice, follow=True)
        assert "Your choices are saved." in response.text
        assert Preference.chosen_by(ann) == choice
        assert 'name="new_issue" value="off" checked' in response.text

    def test_has_no_choice_for_what_is_required(self, inside, ann):
        assert 'name="security"' not in inside.get(PREFERENCES).text
        inside.post(PREFERENCES, RHYTHM | {"security": "off"})
        assert Preference.chosen_by(ann) == {}

    @pytest.mark.parametrize("value", ["instant", "loud", "", "off\0", "OFF"])
    def test_what_is_not_offered_is_not_taken(self, inside, ann, value):
        inside.post(PREFERENCES, RHYTHM | {"new_issue": value})
        assert Preference.chosen_by(ann) == {}

    def test_works_without_javascript(self, inside):
        page = inside.get(PREFERENCES).text
        assert '<form method="post" class="choices">' in page
        assert "csrfmiddlewaretoken" in page
        assert "hx-" not in page.partition("<main")[2]

    def test_trouble_with_mailers_is_for_staff(self, inside, ann):
        assert 'name="mailer"' not in inside.get(PREFERENCES).text
        ann.is_staff = True
        ann.save()
        assert 'name="mailer"' in inside.get(PREFERENCES).text


@pytest.mark.parametrize("path", [INBOX, PREFERENCES, "/notifications/announcements/1/"])
def test_strangers_are_asked_to_log_in(client, db, path):
    assert client.get(path).url == f"/accounts/login/?next={path}"


@pytest.mark.parametrize("path", ["/notifications/read/", "/notifications/1/open/"])
def test_strangers_change_nothing(client, db, path):
    assert client.post(path).url.startswith("/accounts/login/")


class TestMarks:
    def test_one_can_be_read_and_unread_where_it_stands(self, inside, told):
        row, here = told(), "/notifications/?show=unread"
        assert inside.post(f"{INBOX}{row.pk}/read/", {"next": here}).url == here
        assert not Notification.objects.unread().exists()
        inside.post(f"{INBOX}{row.pk}/unread/")
        assert Notification.objects.unread().exists()

    @pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:x"])
    def test_lead_to_no_other_site(self, inside, told, back):
        assert inside.post(f"{INBOX}{told().pk}/read/", {"next": back}).url == INBOX

    def test_nobody_marks_anothers(self, inside, bob):
        notify(bob, "new_issue")
        pk = Notification.objects.get().pk
        assert inside.post(f"{INBOX}{pk}/read/").status_code == 404
        assert inside.post(f"{INBOX}{pk}/unread/").status_code == 404

    def test_filters_by_kind_and_state_and_ignores_nonsense(self, inside, ann, told):
        told("A letter")
        notify(ann, "security", event="password_changed")
        assert "A letter" not in inside.get(INBOX, {"kind": "security"}).text
        assert "No notifications match." in inside.get(INBOX, {"show": "read"}).text
        assert "A letter" in inside.get(INBOX, {"kind": "gossip", "show": "loud"}).text

    def test_the_badge_is_asked_alone_and_kept_by_the_browser(self, inside, client, told):
        told()
        response = inside.get(f"{INBOX}badge/")
        assert ">1<" in response.text
        assert "max-age=20" in response["Cache-Control"]
        assert "private" in response["Cache-Control"]
        client.logout()
        assert client.get(f"{INBOX}badge/").text.strip() == ""


class TestRhythm:
    def test_an_impossible_hour_is_refused_and_nothing_is_saved(self, inside, ann):
        response = inside.post(PREFERENCES, RHYTHM | {"hour": "24", "new_issue": "digest"})
        assert response.status_code == 200
        assert "24 is not one of the available choices" in response.text
        assert 'value="digest" checked' in response.text  # what was chosen is not lost
        assert Preference.chosen_by(ann) == {}

    def test_the_default_needs_no_row(self, inside, ann):
        inside.post(PREFERENCES, RHYTHM | {"hour": "17"})
        assert Schedule.objects.get().hour == 17
        inside.post(PREFERENCES, RHYTHM)
        assert not Schedule.objects.exists()
