"""Changing password, address and profile."""

from datetime import UTC, datetime

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from accounts.models import User
from notifications.models import Notification
from tests.accounts.conftest import NEW_PASSWORD, PASSWORD, html_of, path_in

PROFILE = {"name": "Ann", "language": "en", "time_zone": "UTC"}


class TestPassword:
    def test_is_changed_and_a_notice_says_so(self, inside, ann, the_mail):
        new = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        inside.post("/accounts/password/change/", new)
        ann.refresh_from_db()
        assert ann.check_password(NEW_PASSWORD)
        message = the_mail()
        assert message.subject == "Your password was changed"
        assert "127.0.0.1" in message.body

    def test_stays_without_the_old_one(self, inside, ann):
        new = {"oldpassword": "wrong", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        inside.post("/accounts/password/change/", new)
        ann.refresh_from_db()
        assert ann.check_password(PASSWORD)


class TestAddress:
    @pytest.fixture
    def change(self, inside):
        def post(email: str):
            return inside.post("/accounts/email/", {"email": email, "action_add": ""})

        return post

    def test_changes_when_the_new_one_is_confirmed(self, inside, ann, change, the_mail):
        change("new@example.com")
        message = the_mail()
        assert message.to == ["new@example.com"]
        ann.refresh_from_db()
        assert ann.email == "ann@example.com"

        inside.post(path_in(message))
        ann.refresh_from_db()
        assert ann.email == "new@example.com"
        assert list(EmailAddress.objects.values_list("email", "verified")) == [
            ("new@example.com", True)
        ]

    def test_the_old_one_is_told_in_its_owners_language(self, inside, ann, change, the_mail):
        User.objects.update(language="fr")
        change("new@example.com")
        inside.post(path_in(the_mail()))
        notice = the_mail()
        assert notice.to == ["ann@example.com"]
        assert "new@example.com" in notice.body
        assert '<html lang="fr"' in html_of(notice)

    def test_a_taken_one_gets_the_same_answer(self, inside, somebody, change, drain):
        somebody("bob@example.com")
        free, taken = change("free@example.com"), change("bob@example.com")
        assert (free.status_code, free.url) == (taken.status_code, taken.url)
        drain()
        assert [message.to for message in mail.outbox] == [
            ["free@example.com"],
            ["bob@example.com"],
        ]

    @pytest.mark.parametrize("email", ["", "ann", "a@b.c\nBcc: x@example.com", "ann@example.com"])
    def test_a_bad_one_is_refused(self, change, email):
        assert change(email).context["form"].errors["email"]


class TestProfile:
    def test_saves_name_language_and_time_zone(self, inside, ann):
        new = {"name": "Zoë", "language": "pa", "time_zone": "Asia/Kolkata"}
        response = inside.post("/accounts/profile/", new, follow=True)
        assert "Your profile is saved." in response.text
        ann.refresh_from_db()
        assert (ann.name, ann.language, ann.time_zone) == ("Zoë", "pa", "Asia/Kolkata")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", "Ann\nBcc: all@example.com"),
            ("name", "A\u2028B"),
            ("name", "x" * 101),
            ("language", "xx"),
            ("language", "en\nX: y"),
            ("time_zone", "Mars/Olympus"),
            ("time_zone", "../../etc/passwd"),
        ],
    )
    def test_a_bad_value_is_named_and_nothing_saved(self, inside, ann, field, value):
        response = inside.post("/accounts/profile/", PROFILE | {field: value})
        assert list(response.context["form"].errors) == [field]
        ann.refresh_from_db()
        assert (ann.name, ann.language, ann.time_zone) == ("Ann", "en", "UTC")

    def test_nothing_else_can_be_changed(self, inside, ann):
        inside.post("/accounts/profile/", PROFILE | {"email": "x@example.com", "is_staff": "1"})
        ann.refresh_from_db()
        assert (ann.email, ann.is_staff) == ("ann@example.com", False)

    def test_a_hostile_name_is_escaped(self, inside):
        User.objects.update(name='<script>alert(1)</script>"')
        assert "<script>alert" not in inside.get("/accounts/profile/").text

    def test_strangers_are_asked_to_log_in(self, client):
        assert client.get("/accounts/profile/").url == "/accounts/login/?next=/accounts/profile/"

    def test_the_admin_refuses_an_unknown_zone(self, admin_client, ann):
        address = f"/admin/accounts/user/{ann.pk}/change/"
        data = {"email": ann.email, "name": "Ann", "language": "en", "time_zone": "Mars/Olympus"}
        assert "There is no time zone" in admin_client.post(address, data).text

    @pytest.mark.parametrize(
        ("zone", "shown"), [("UTC", "1 Jan 2026, 20:00"), ("Asia/Kolkata", "2 Jan 2026, 01:30")]
    )
    def test_pages_show_the_time_of_who_looks(self, inside, ann, zone, shown):
        User.objects.update(time_zone=zone)
        Notification.objects.create(
            recipient=ann, kind="security", created_at=datetime(2026, 1, 1, 20, tzinfo=UTC)
        )
        assert shown in inside.get("/notifications/").text


class TestLanguageOfPages:
    @pytest.fixture
    def punjabi(self, inside, ann):
        ann.language = "pa"
        ann.save()
        return inside

    def test_is_that_of_the_profile_and_not_the_browsers(self, punjabi):
        assert '<html lang="pa"' in punjabi.get("/", headers={"accept-language": "fr"}).text

    def test_is_what_this_browser_was_told(self, punjabi):
        punjabi.post("/i18n/setlang/", {"language": "fr", "next": "/"})
        assert '<html lang="fr"' in punjabi.get("/").text

    def test_follows_the_profile_once_that_is_saved(self, punjabi):
        punjabi.post("/i18n/setlang/", {"language": "en", "next": "/"})
        fields = {"name": "Ann", "language": "fr", "time_zone": "UTC"}
        assert punjabi.post("/accounts/profile/", fields).status_code == 302
        assert '<html lang="fr"' in punjabi.get("/").text
