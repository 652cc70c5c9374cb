"""Beside the text as it is typed: its mail, what to mend, who gets it."""

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailroom.models import Message, Suppression
from newsletters.models import Issue, IssueTest
from newsletters.sending.publish import publish

ISSUES = "/admin/newsletters/issue/"


def typed(weekly, **changes) -> dict[str, object]:
    fields = {"newsletter": weekly.pk, "subject": "For {name}", "slug": "new", "body": "Hi {name}"}
    return {**fields, **changes}


class TestFrame:
    def show(self, desk, weekly, **changes):
        return desk.post(f"{ISSUES}draft/frame/", typed(weekly, **changes))

    def test_shows_what_is_not_saved(self, desk, weekly):
        assert "Hi Ada Lovelace" in self.show(desk, weekly).text

    def test_as_any_subscriber(self, desk, weekly, subscribed):
        subscribed("ann@example.com", "Ann")
        assert "Hi Ann" in self.show(desk, weekly, reader="ann@example.com").text

    def test_the_text_version_by_hand_or_made(self, desk, weekly):
        assert "Hi Ada Lovelace" in self.show(desk, weekly, look="text").text
        by_hand = self.show(desk, weekly, look="text", text="By hand, {name}: {web_url}").text
        assert "By hand, Ada Lovelace: http://mailroom.test/newsletters/weekly/new/" in by_hand

    def test_the_headers(self, desk, weekly):
        shown = self.show(desk, weekly, look="headers").text
        assert "For Ada Lovelace" in shown
        assert "List-Unsubscribe-Post" in shown

    def test_in_the_language_of_the_issue(self, desk, weekly):
        assert '<html lang="fr"' in self.show(desk, weekly, language="fr").text

    def test_faults_with_their_line(self, desk, weekly):
        fields = {"body": "fine\n\n{nane}", "text": "one\n{nothing}", "preheader": "{web_url}"}
        shown = self.show(desk, weekly, **fields).text
        assert "Line 3: there is no placeholder {nane}" in shown
        assert "Line 2: there is no placeholder {nothing}" in shown
        assert "{web_url} can’t be used in a subject" in shown

    def test_half_a_form_is_no_fault(self, desk):
        assert "only this" in desk.post(f"{ISSUES}draft/frame/", {"body": "only this"}).text
        assert desk.post(f"{ISSUES}draft/frame/").status_code == 200

    def test_may_do_nothing_and_stores_nothing(self, desk, weekly):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            answer = self.show(desk, weekly)
        assert "sandbox" in answer["Content-Security-Policy"]
        assert "script-src" not in answer["Content-Security-Policy"]
        assert not [one for one in asked if "newsletters" in one["sql"] and "INSERT" in one["sql"]]
        assert not Message.objects.exists()
        assert not Issue.objects.exists()


class TestChecks:
    def test_tells_what_to_mend_and_how_many_people(self, desk, weekly, subscribed):
        subscribed("ann@example.com")
        subscribed("bob@example.com")
        Suppression.objects.create(address="bob@example.com", reason=Suppression.Reason.BOUNCED)
        told = desk.post(f"{ISSUES}draft/checks/", typed(weekly, subject="BUY THIS NOW")).text
        assert "<strong>1 person</strong>" in told
        assert "2 confirmed, 1 suppressed" in told
        assert "Most letters of the subject" in told

    def test_says_nothing_good_of_what_is_not_written_yet(self, desk, weekly):
        told = desk.post(f"{ISSUES}draft/checks/", typed(weekly, body=" ")).text
        assert "Ready to send" not in told
        assert "as you type" in told

    def test_of_a_segment(self, desk, weekly, subscribed):
        subscribed("ann@example.com", language="fr")
        subscribed("bob@example.com")
        told = desk.post(f"{ISSUES}draft/checks/", typed(weekly, for_language="fr")).text
        assert "<strong>1 person</strong>" in told


class TestRights:
    @pytest.mark.parametrize("page", ["frame", "checks", "picture"])
    def test_who_may_only_look_may_not_write(self, client, weekly, django_user_model, page):
        clerk = django_user_model.objects.create_user("clerk@example.com", None, is_staff=True)
        clerk.user_permissions.set(Permission.objects.filter(codename="view_issue"))
        client.force_login(clerk)
        assert client.post(f"{ISSUES}draft/{page}/", typed(weekly)).status_code == 403

    @pytest.mark.parametrize("page", ["frame", "checks", "picture"])
    def test_a_get_does_nothing(self, desk, page):
        assert desk.get(f"{ISSUES}draft/{page}/").status_code == 405


class TestSaving:
    def test_then_on_to_the_test(self, desk, weekly):
        answer = desk.post(f"{ISSUES}add/", typed(weekly, _preview="1"))
        assert answer.url == f"{ISSUES}{Issue.objects.get().pk}/preview/"

    def test_with_the_text_version_made_from_the_body(self, desk, weekly, draft):
        fields = typed(weekly, body="**Hi** {name}, [web]({web_url})", _text="1")
        desk.post(f"{ISSUES}{draft.pk}/change/", fields)
        draft.refresh_from_db()
        assert draft.text == "*Hi* {name}, web ({web_url})"

    def test_a_segment_that_nobody_can_be_in(self, desk, weekly):
        fields = typed(weekly, joined_from="2026-03-01", joined_before="2026-03-01")
        assert "No one can have joined" in desk.post(f"{ISSUES}add/", fields).text

    def test_what_is_published_has_no_desk(self, desk, draft):
        publish(draft)
        assert "desk-frame" not in desk.get(f"{ISSUES}{draft.pk}/change/").text


@pytest.mark.usefixtures("outbox_mailers")
class TestTests:
    def test_the_page_remembers_who_tested_what(self, desk, draft, editor, drain):
        page = f"{ISSUES}{draft.pk}/"
        desk.post(f"{page}test/", {"addresses": "me@example.com"})
        told = desk.get(f"{page}preview/").text
        assert "Current text" in told
        assert "to me@example.com" in told
        assert IssueTest.objects.get().by == editor

        Issue.objects.filter(pk=draft.pk).update(text="Another text")
        told = desk.get(f"{page}preview/").text
        assert "Earlier text" in told
        assert "Current text" not in told

    def test_a_test_says_what_the_mail_will_say(self, desk, draft, drain):
        Issue.objects.filter(pk=draft.pk).update(text="By hand: {unsubscribe_url}", language="fr")
        desk.post(f"{ISSUES}{draft.pk}/test/", {"addresses": "me@example.com"})
        drain()
        assert mail.outbox[0].body.startswith(
            "Bonjour,\n\nBy hand: http://mailroom.test/newsletters/"
        )
        assert '<html lang="fr"' in mail.outbox[0].alternatives[0].content
