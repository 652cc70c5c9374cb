"""A draft is saved as it is typed: complete or not, by several tabs and editors at once."""

import pytest
from django.contrib.auth.models import Permission

from newsletters.models import Issue
from newsletters.sending.publish import publish

ISSUES = "/admin/newsletters/issue/"
SAVE = f"{ISSUES}draft/save/"


def typed(weekly, **changes) -> dict[str, object]:
    fields = {"newsletter": weekly.pk, "subject": "The week", "slug": "", "body": "Hello"}
    return {**fields, "tab": "one", "seen_version": "", "issue": "", **changes}


def save(client, weekly, **changes):
    return client.post(SAVE, typed(weekly, **changes))


class TestSaving:
    def test_the_first_save_makes_a_draft_and_the_next_one_changes_it(self, desk, weekly, editor):
        first = save(desk, weekly, subject="").json()
        draft = Issue.objects.get()
        assert (draft.author, draft.subject, draft.slug) == (editor, "", "issue")
        assert first["change_url"] == f"{ISSUES}{draft.pk}/change/"

        sent = {"issue": first["issue"], "seen_version": first["version"]}
        save(desk, weekly, body="Hello again", **sent)
        draft.refresh_from_db()
        assert (draft.body, draft.subject, draft.slug) == ("Hello again", "The week", "the-week")

    def test_a_first_save_whose_answer_was_lost_makes_no_second_draft(self, desk, weekly):
        save(desk, weekly)
        save(desk, weekly, body="More")
        assert Issue.objects.get().body == "More"

    def test_what_may_not_be_sent_yet_is_saved_all_the_same(self, desk, weekly):
        answer = save(desk, weekly, body="{nane} [x](/relative)", preheader="{web_url}")
        assert answer.status_code == 200
        draft = Issue.objects.get()
        assert (draft.body, draft.preheader) == ("{nane} [x](/relative)", "{web_url}")

    def test_every_field_of_the_form_is_saved(self, desk, weekly, draft):
        fields = {"language": "fr", "for_language": "fr", "joined_from": "2026-01-31", "text": "T"}
        save(desk, weekly, issue=draft.pk, seen_version=draft.version, **fields)
        draft.refresh_from_db()
        assert (draft.language, draft.for_language, draft.text) == ("fr", "fr", "T")
        assert str(draft.joined_from) == "2026-01-31"

    def test_the_same_content_again_is_no_new_version(self, desk, weekly):
        one, two = save(desk, weekly).json(), save(desk, weekly).json()
        assert one["version"] == two["version"]

    def test_a_slug_that_is_taken_gets_a_number(self, desk, weekly, draft):
        save(desk, weekly, slug="first")
        save(desk, weekly, tab="two", subject="The week", slug="the-week")
        save(desk, weekly, tab="three", subject="The week", slug="the-week")
        slugs = set(Issue.objects.values_list("slug", flat=True))
        assert slugs == {"first", "first-2", "the-week", "the-week-2"}

    def test_a_slug_of_the_sites_own_is_never_made(self, desk, weekly):
        save(desk, weekly, subject="Feed")
        assert Issue.objects.get().slug == "feed-2"

    def test_without_a_newsletter_nothing_can_be_saved(self, desk, weekly):
        answer = save(desk, weekly, newsletter="")
        assert answer.status_code == 400
        assert "newsletter" in answer.json()["error"]

    @pytest.mark.parametrize(
        "fields",
        [
            {"body": "x\0y", "subject": "z" * 400},
            {"newsletter": "99999999999999999999"},
            {"issue": "9" * 30},
            {"issue": "x"},
            {"seen_version": "9" * 30},
            {"joined_from": "31.31.31"},
            {"tab": "t" * 400},
        ],
    )
    def test_odd_content_is_no_error_of_the_server(self, desk, weekly, fields):
        assert save(desk, weekly, **fields).status_code in (200, 400, 404)


class TestTwoTabs:
    def test_a_tab_never_conflicts_with_itself(self, desk, weekly, draft):
        for body in ("One", "Two", "Three"):  # the answers with the new version were lost
            answer = save(desk, weekly, issue=draft.pk, seen_version=1, body=body)
            assert answer.status_code == 200
        draft.refresh_from_db()
        assert draft.body == "Three"

    def test_the_second_tab_overwrites_nothing(self, desk, weekly, draft, editor):
        save(desk, weekly, issue=draft.pk, seen_version=1, body="First tab")
        answer = save(desk, weekly, issue=draft.pk, seen_version=1, body="Second tab", tab="two")
        assert answer.status_code == 409
        assert str(editor) in answer.json()["error"]
        draft.refresh_from_db()
        assert draft.body == "First tab"

    def test_a_tab_whose_text_was_replaced_by_another_is_told(self, desk, weekly, draft):
        save(desk, weekly, issue=draft.pk, seen_version=1, body="First tab")
        save(desk, weekly, issue=draft.pk, seen_version=2, body="Second tab", tab="two")
        answer = save(desk, weekly, issue=draft.pk, seen_version=2, body="First tab again")
        assert answer.status_code == 409

    def test_a_save_by_button_is_seen_by_autosave(self, desk, weekly, draft):
        save(desk, weekly, issue=draft.pk, seen_version=1, body="Auto")
        desk.post(
            f"{ISSUES}{draft.pk}/change/", typed(weekly, seen_version=2, tab="", body="By hand")
        )
        answer = save(desk, weekly, issue=draft.pk, seen_version=2, body="Auto again")
        assert answer.status_code == 409

    def test_what_was_published_is_not_changed(self, desk, weekly, draft):
        publish(draft)
        answer = save(desk, weekly, issue=draft.pk, seen_version=1, body="Too late")
        assert answer.status_code == 409
        assert "published" in answer.json()["error"]
        draft.refresh_from_db()
        assert draft.body != "Too late"


class TestPublishing:
    def test_publish_saves_what_is_on_the_screen_first(self, desk, weekly, draft):
        fields = typed(weekly, slug="first", body="On the screen {name}", seen_version=1)
        answer = desk.post(f"{ISSUES}{draft.pk}/change/", {**fields, "_publish": "1"})
        assert answer.url == f"{ISSUES}{draft.pk}/publish/"
        draft.refresh_from_db()
        assert draft.body == "On the screen {name}"

    def test_a_fault_keeps_the_page_and_the_text(self, desk, weekly, draft):
        fields = typed(weekly, slug="first", body="{nane}", seen_version=1, _publish="1")
        answer = desk.post(f"{ISSUES}{draft.pk}/change/", fields)
        assert "there is no placeholder {nane}" in answer.text
        assert "{nane}</textarea>" in answer.text


class TestRights:
    def test_a_user_without_the_right_saves_nothing(self, client, weekly, draft, django_user_model):
        clerk = django_user_model.objects.create_user("clerk@example.com", None, is_staff=True)
        clerk.user_permissions.set(Permission.objects.filter(codename="view_issue"))
        client.force_login(clerk)
        assert save(client, weekly).status_code == 403
        assert save(client, weekly, issue=draft.pk, seen_version=1).status_code == 403

    def test_who_may_change_may_not_add(self, client, weekly, draft, writer):
        client.force_login(writer)
        assert save(client, weekly).status_code == 403
        assert save(client, weekly, issue=draft.pk, seen_version=1).status_code == 200

    def test_an_expired_session_is_sent_to_sign_in_and_stores_nothing(self, client, weekly):
        assert "/login/" in save(client, weekly).url
        assert "/login/" in client.get(f"{ISSUES}draft/session/?format=json").url
        assert not Issue.objects.exists()

    def test_a_page_learns_who_signed_in_and_a_new_token(self, desk, editor):
        told = desk.get(f"{ISSUES}draft/session/?format=json").json()
        assert told["user"] == str(editor.pk)
        assert told["token"]

    def test_signing_out_clears_what_the_browser_kept(self, desk):
        assert "storage" in desk.post("/admin/logout/")["Clear-Site-Data"]
        assert "Clear-Site-Data" not in desk.get("/")
