"""An editor steers what is under way: pause, resume, cancel, retry, duplicate, test."""

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.utils import timezone

from mailroom import signals
from mailroom.models import Delivery
from mailroom.outbox import Recipient, add_deliveries
from newsletters.composing.preview import is_tested
from newsletters.models import Issue
from newsletters.sending import controls, publish
from newsletters.signals import issue_sent

pytestmark = pytest.mark.usefixtures("outbox_mailers")

ISSUES = "/admin/newsletters/issue/"


@pytest.fixture
def page(draft) -> str:
    return f"{ISSUES}{draft.pk}/"


@pytest.fixture
def under_way(draft, subscribed) -> Issue:
    """Published and queued to three, nothing sent yet."""
    for name in ("ann", "bob", "cy"):
        subscribed(f"{name}@example.com")
    publish.publish(draft)
    draft.refresh_from_db()
    publish.queue_deliveries(draft)
    draft.refresh_from_db()
    return draft


def states() -> set[str]:
    return set(Delivery.objects.values_list("state", flat=True))


def state(issue: Issue) -> str:
    issue.refresh_from_db()
    return issue.state


class TestPausing:
    def test_nothing_goes_out_until_it_is_resumed(self, desk, page, under_way, drain):
        assert "Paused. Nothing is sent" in desk.post(f"{page}pause/", follow=True).text
        drain()
        assert mail.outbox == []
        assert (state(under_way), states()) == ("paused", {"queued"})

        assert "Resumed" in desk.post(f"{page}resume/", follow=True).text
        drain()
        assert len(mail.outbox) == 3
        assert (state(under_way), states()) == ("sent", {"sent"})

    def test_what_a_worker_has_in_hand_is_taken_back(self, under_way, drain):
        values = {"subscription": 0, "name": "", "language": "en"}
        more = [Recipient(f"{n}@example.com", values=values) for n in range(260)]
        add_deliveries(under_way.message, more)
        total = Delivery.objects.count()

        def pause(sender, **_):
            controls.pause(under_way)
            signals.sent.disconnect(pause)

        signals.sent.connect(pause)
        drain()

        # What was in flight went out. Nothing after it does.
        assert 0 < len(mail.outbox) < total
        assert Delivery.objects.queued().count() == total - len(mail.outbox)

    def test_what_is_not_queued_yet_waits_too(self, draft, subscribed, drain):
        subscribed("ann@example.com")
        publish.publish(draft)
        draft.refresh_from_db()
        controls.pause(draft)
        drain()
        assert not Delivery.objects.exists()

        draft.refresh_from_db()
        controls.resume(draft)
        drain()
        assert [one.to for one in mail.outbox] == [["ann@example.com"]]

    def test_pressing_twice_does_no_harm(self, desk, page, under_way):
        desk.post(f"{page}pause/")
        assert "It is not being sent" in desk.post(f"{page}pause/", follow=True).text
        desk.post(f"{page}resume/")
        assert "It was not paused" in desk.post(f"{page}resume/", follow=True).text


class TestCancelling:
    @pytest.mark.parametrize("first", ["", "pause"])
    def test_who_has_not_got_it_will_not(self, desk, page, under_way, drain, first):
        if first:
            desk.post(f"{page}{first}/")
        desk.post(f"{page}cancel/")
        drain()

        assert mail.outbox == []
        assert state(under_way) == "cancelled"
        skipped = Delivery.objects.values_list("state", "reason")
        assert set(skipped) == {("skipped", "cancelled by an editor")}
        assert "Cancelled" in desk.get(f"{page}change/").text

    def test_what_went_out_stays_sent(self, desk, page, under_way, drain):
        Delivery.objects.filter(address="ann@example.com").update(
            state="sent", finished_at=timezone.now()
        )
        desk.post(f"{page}cancel/")

        assert states() == {"sent", "skipped"}

    def test_nothing_is_left_to_cancel_at_the_end(self, desk, page, under_way, drain):
        drain()
        assert "nothing left to cancel" in desk.post(f"{page}cancel/", follow=True).text
        assert state(under_way) == "sent"


class TestTryingAgain:
    def test_what_failed_is_sent_again_and_nothing_else(self, desk, page, under_way, drain):
        drain()
        Delivery.objects.filter(address="bob@example.com").update(state="failed")
        mail.outbox.clear()

        assert "Retry failed" in desk.get(f"{page}change/").text
        assert "1 email will be retried" in desk.post(f"{page}retry/", follow=True).text
        drain()

        assert [one.to for one in mail.outbox] == [["bob@example.com"]]
        assert state(under_way) == "sent"

    def test_the_uncertain_are_left_to_a_person(self, desk, page, under_way, drain):
        drain()
        Delivery.objects.filter(address="bob@example.com").update(state="uncertain")
        assert "0 emails will be retried" in desk.post(f"{page}retry/", follow=True).text


class TestDuplicating:
    def test_a_new_draft_has_the_content_and_a_slug_of_its_own(self, desk, page, under_way, editor):
        desk.post(f"{page}duplicate/")
        desk.post(f"{page}duplicate/")

        first, second = Issue.objects.drafts().order_by("pk")
        assert first.body == under_way.body
        assert first.author == editor
        assert len({under_way.slug, first.slug, second.slug}) == 3


class TestTesting:
    def test_it_goes_marked_to_those_who_are_named(self, desk, page, draft, drain):
        desk.post(f"{page}test/", {"addresses": "me@example.com, you@example.com"})
        drain()

        assert sorted(one.to for one in mail.outbox) == [["me@example.com"], ["you@example.com"]]
        assert {one.subject for one in mail.outbox} == {f"[Test] {draft.subject}"}
        draft.refresh_from_db()
        assert draft.is_draft
        assert is_tested(draft)

    def test_its_links_unsubscribe_nobody(self, desk, page, subscribed, client, drain):
        reader = subscribed("me@example.com")
        desk.post(f"{page}test/", {"addresses": "me@example.com"})
        drain()
        link = mail.outbox[0].extra_headers["List-Unsubscribe"].strip("<>").split(">")[0]

        client.post(link.partition("//")[2].partition("/")[2].join(["/", ""]))

        reader.refresh_from_db()
        assert reader.is_confirmed

    @pytest.mark.parametrize("text", ["", "nobody", ", ".join(f"{n}@a.example" for n in range(11))])
    def test_what_is_no_address_is_told(self, desk, page, drain, text):
        answer = desk.post(f"{page}test/", {"addresses": text}, follow=True)
        drain()
        assert "errornote" in answer.text or 'class="error"' in answer.text
        assert mail.outbox == []


class TestWarnings:
    def test_an_untested_issue_says_so(self, desk, page, draft, subscribed):
        subscribed("ann@example.com")
        assert "No test has been sent" in desk.get(f"{page}publish/").text

    def test_a_tested_one_has_none(self, desk, page, draft, subscribed, drain):
        subscribed("ann@example.com")
        desk.post(f"{page}test/", {"addresses": "me@example.com"})
        assert "Please check" not in desk.get(f"{page}publish/").text

    def test_a_change_after_the_test_is_noticed(self, desk, page, draft, subscribed):
        subscribed("ann@example.com")
        desk.post(f"{page}test/", {"addresses": "me@example.com"})
        Issue.objects.filter(pk=draft.pk).update(body="Something else")
        assert "changed since the last test" in desk.get(f"{page}publish/").text

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"subject": "LAST CHANCE TODAY"}, "Most letters of the subject"),
            ({"body": "Hi\n\n![](https://a.example/x.png)"}, "Line 3: an image has no alt text"),
            ({"body": "word " * 30_000}, "kB of HTML. Gmail shows only the first 102"),
        ],
    )
    def test_what_is_probably_not_meant(self, desk, page, draft, changes, told):
        Issue.objects.filter(pk=draft.pk).update(**changes)
        text = desk.get(f"{page}publish/").text
        assert told in text
        assert "No confirmed subscribers" in text


class TestRights:
    @pytest.mark.parametrize("step", ["pause", "resume", "cancel", "retry"])
    def test_a_writer_does_not_steer(self, client, page, under_way, django_user_model, step):
        writer = django_user_model.objects.create_user("writer@example.com", None, is_staff=True)
        rights = Permission.objects.filter(codename__in=["change_issue", "view_issue"])
        writer.user_permissions.set(rights)
        client.force_login(writer)

        assert client.post(f"{page}{step}/").status_code == 403
        assert "formaction" not in client.get(f"{page}change/").text

    @pytest.mark.parametrize("step", ["pause", "cancel", "duplicate", "test"])
    def test_a_get_does_nothing(self, desk, page, under_way, step):
        assert desk.get(f"{page}{step}/").status_code == 405
        assert state(under_way) == "sending"


def test_the_editors_are_told_once_when_it_is_done(under_way, drain, editor):
    told = []

    def listen(sender, issue, editors, failed, **_):
        told.append((issue.pk, list(editors), failed))

    issue_sent.connect(listen)
    try:
        drain()
        publish.finish()
    finally:
        issue_sent.disconnect(listen)

    assert told == [(under_way.pk, [editor], 0)]


class FailingRouter:
    asks_recipients = True

    def route_for(self, message, recipient):
        raise LookupError(f"no tenant of {recipient}")


def test_an_issue_stops_where_a_router_fails_and_is_queued_once_that_is_fixed(
    draft, subscribed, drain, settings
):
    subscribed("ann@example.com")
    settings.MAILROOM_ROUTERS = [FailingRouter()]
    publish.publish(draft)
    drain()
    assert (state(draft), Delivery.objects.count()) == ("paused", 0)
    assert "no tenant of ann@example.com" in draft.stop_reason

    settings.MAILROOM_ROUTERS = []
    controls.resume(draft)
    drain()
    assert [one.to for one in mail.outbox] == [["ann@example.com"]]
