"""Published now, with a moment to undo it, or at a time: nothing is sent before, and once after."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import timezone

from mailroom.models import Message
from newsletters.models import Issue
from newsletters.sending import publish
from newsletters.signals import issue_stopped
from tests.at_once import at_once

pytestmark = pytest.mark.usefixtures("outbox_mailers")

ISSUES = "/admin/newsletters/issue/"


@pytest.fixture
def page(draft, subscribed) -> str:
    subscribed("ann@example.com")
    return f"{ISSUES}{draft.pk}/"


@pytest.fixture
def grace(settings) -> int:
    settings.PUBLISH_GRACE_SECONDS = 60
    return 60


def later(**span: float):
    return timezone.now() + timedelta(**span)


def state(issue: Issue) -> str:
    issue.refresh_from_db()
    return issue.state


def steps(issue: Issue) -> list[str]:
    return list(issue.history.order_by("pk").values_list("step", flat=True))


class TestTheGrace:
    def test_nothing_is_frozen_or_sent_until_it_is_over(self, desk, page, draft, grace, drain):
        answer = desk.post(f"{page}publish/", follow=True)
        assert "You have 60 seconds to undo" in answer.text
        drain()
        assert (state(draft), mail.outbox, Message.objects.count()) == ("scheduled", [], 0)
        assert "Undo" in answer.text

        with time_machine.travel(later(seconds=61)):
            drain()
            drain()
        assert (state(draft), len(mail.outbox)) == ("sent", 1)

    def test_undo_makes_it_a_draft_that_can_be_published_again(
        self, desk, page, draft, grace, drain
    ):
        desk.post(f"{page}publish/")
        assert "It is a draft again" in desk.post(f"{page}undo/", follow=True).text
        with time_machine.travel(later(seconds=61)):
            drain()
        assert (state(draft), mail.outbox) == ("draft", [])

        desk.post(f"{page}publish/")
        assert state(draft) == "scheduled"

    def test_undo_that_comes_too_late_says_so(self, desk, page, draft, grace, drain):
        desk.post(f"{page}publish/")
        with time_machine.travel(later(seconds=61)):
            drain()
        assert "Too late" in desk.post(f"{page}undo/", follow=True).text
        assert len(mail.outbox) == 1

    def test_a_double_click_sends_once(self, desk, page, draft, grace, drain):
        desk.post(f"{page}publish/")
        assert "nothing is sent twice" in desk.post(f"{page}publish/", follow=True).text
        with time_machine.travel(later(seconds=61)):
            drain()
        assert len(mail.outbox) == 1
        assert steps(draft)[:2] == ["published", "begun"]

    def test_its_page_on_the_web_is_not_there_before(self, client, page, draft, grace):
        publish.publish_now(draft, None)
        assert client.get(draft.get_absolute_url()).status_code == 404


class TestScheduling:
    def post(self, desk, page, when: str):
        return desk.post(f"{page}schedule/", {"when": when}, follow=True)

    def test_the_time_is_in_the_zone_of_the_editor(self, desk, page, draft, editor):
        editor.time_zone = "Asia/Kolkata"
        editor.save()
        assert "in your time zone, Asia/Kolkata" in desk.get(f"{page}publish/").text
        day = later(days=3).date()

        shown = self.post(desk, page, f"{day}T09:00").text

        draft.refresh_from_db()
        assert draft.publish_at.isoformat() == f"{day}T03:30:00+00:00"
        assert "09:00</strong> (Asia/Kolkata)" in shown
        assert "Back to draft" in shown

    def test_it_goes_out_at_its_time_and_not_before(self, draft, page, drain):
        publish.schedule(draft, later(days=1), None)
        drain()
        assert mail.outbox == []
        with time_machine.travel(later(days=1, seconds=1)):
            drain()
        assert len(mail.outbox) == 1

    @pytest.mark.parametrize(
        ("when", "told"),
        [
            ("", "Choose a date and a time."),
            ("2020-01-01T09:00", "Choose a time within a year"),
            ("2999-01-01T09:00", "Choose a time within a year"),
            ("soon", "Enter a valid date/time."),
        ],
    )
    def test_a_time_that_is_none_is_told_on_the_page(self, desk, page, draft, when, told):
        assert told in self.post(desk, page, when).text
        assert state(draft) == "draft"

    def test_an_hour_that_the_clocks_skip_is_refused(self, desk, page, draft, editor):
        editor.time_zone = "Europe/Paris"
        editor.save()
        with time_machine.travel("2027-03-01T12:00Z"):
            desk.force_login(editor)
            answer = self.post(desk, page, "2027-03-28T02:30")
        assert "may be ambiguous or it may not exist" in answer.text
        assert state(draft) == "draft"

    def test_what_is_scheduled_is_locked(self, desk, page, draft, weekly):
        publish.schedule(draft, later(days=1), None)
        assert 'name="body"' not in desk.get(f"{page}change/").text
        late = desk.post(f"{page}change/", {"subject": "Other", "body": "Other text"})
        assert late.status_code == 409
        draft.refresh_from_db()
        assert draft.subject == "The first issue"

    def test_what_became_wrong_meanwhile_is_a_draft_again_and_told(self, draft, page, drain):
        told = []

        def listen(sender, issue, editors, reason, **_):
            told.append(reason)

        publish.schedule(draft, later(hours=1), None)
        Issue.objects.filter(pk=draft.pk).update(body="{nobody}")
        issue_stopped.connect(listen)
        try:
            with time_machine.travel(later(hours=2)):
                drain()
        finally:
            issue_stopped.disconnect(listen)
        assert state(draft) == "draft"
        assert "nobody" in told[0]
        assert mail.outbox == []

    def test_bad_content_is_not_scheduled(self, draft):
        Issue.objects.filter(pk=draft.pk).update(body="{nobody}")
        with pytest.raises(ValidationError):
            publish.schedule(draft, later(hours=1), None)
        assert state(draft) == "draft"


class TestWhatWasLookedAt:
    @pytest.mark.parametrize(
        ("step", "seconds"), [("publish", 0), ("publish", 60), ("schedule", 60)]
    )
    def test_another_version_is_not_published(self, desk, page, settings, step, seconds):
        draft, settings.PUBLISH_GRACE_SECONDS = Issue.objects.get(), seconds
        when = timezone.localtime(later(days=1)).strftime("%Y-%m-%dT%H:%M")
        data = {"version": draft.version, "when": when, "seen": "on"}
        Issue.objects.filter(pk=draft.pk).update(version=2, body="Changed meanwhile")

        answer = desk.post(f"{page}{step}/", data, follow=True)

        assert "Please check it again" in answer.text
        assert state(draft) == "draft"

    @pytest.mark.parametrize("step", ["publish", "schedule"])
    def test_the_page_asks_for_its_tick_where_it_warns(self, desk, page, draft, grace, step):
        when = timezone.localtime(later(days=1)).strftime("%Y-%m-%dT%H:%M")
        data = {"version": draft.version, "when": when}

        answer = desk.post(f"{page}{step}/", data)

        assert "No test has been sent." in answer.text
        assert "Confirm that you have checked" in answer.text
        assert (step != "schedule") or when in answer.text, "what was typed is still there"
        assert state(draft) == "draft"

        desk.post(f"{page}{step}/", {**data, "seen": "on"})
        assert state(draft) == "scheduled"

    def test_the_page_says_which_version_it_shows(self, desk, page, draft):
        Issue.objects.filter(pk=draft.pk).update(version=7)
        assert desk.get(f"{page}publish/").text.count('name="version" value="7"') == 2


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    @pytest.fixture
    def due(self, draft, page) -> Issue:
        publish.schedule(draft, later(hours=1), None)
        Issue.objects.update(publish_at=later(seconds=-1))
        return draft

    def test_two_clocks_start_it_once(self, due, drain):
        at_once(publish.publish_due, publish.publish_due)
        drain()
        assert due.history.filter(step="begun").count() == 1
        assert len(mail.outbox) == 1
        assert Message.objects.count() == 1

    def test_either_the_clock_or_the_undo_wins(self, due, drain):
        at_once(publish.publish_due, lambda: publish.undo(due, None))
        drain()
        drain()
        assert (state(due), len(mail.outbox)) in [("draft", 0), ("sent", 1)]
        assert Message.objects.count() == len(mail.outbox)

    def test_two_who_schedule_and_publish_do_it_once(self, draft, page, grace):
        actions = (
            lambda: publish.publish_now(Issue.objects.get(), None),
            lambda: publish.schedule(Issue.objects.get(), later(days=1), None),
        )
        assert sorted(at_once(*actions)) == [False, True]
        assert len(steps(draft)) == 1


class TestRights:
    @pytest.mark.parametrize("step", ["publish", "schedule", "undo"])
    def test_a_writer_does_not_publish(self, client, page, draft, writer, step):
        client.force_login(writer)
        assert client.post(f"{page}{step}/", {"when": "2030-01-01T09:00"}).status_code == 403
        assert steps(draft) == []

    def test_a_get_schedules_and_undoes_nothing(self, desk, page, draft):
        assert desk.get(f"{page}schedule/").status_code == 302
        assert desk.get(f"{page}undo/").status_code == 405
        assert state(draft) == "draft"


def test_the_page_of_a_draft_again_is_loaded_anew(desk, page, draft):
    assert desk.get(f"{page}progress/")["HX-Refresh"] == "true"
