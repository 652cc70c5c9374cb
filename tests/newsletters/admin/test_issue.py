"""The editor's desk: write, preview, publish, watch."""

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.utils import timezone

from newsletters.models import Issue, Subscription
from newsletters.sending.publish import publish

ISSUES = "/admin/newsletters/issue/"


def content(weekly, **changes) -> dict[str, object]:
    return {
        "newsletter": weekly.pk,
        "subject": "A new one",
        "slug": "new",
        "preheader": "",
        "body": "Hello {name}",
        **changes,
    }


@pytest.fixture
def page(draft) -> str:
    return f"{ISSUES}{draft.pk}/"


class TestWriting:
    def test_adds_a_draft_with_its_author(self, desk, editor, weekly):
        desk.post(f"{ISSUES}add/", content(weekly))
        issue = Issue.objects.get()
        assert (issue.state, issue.author) == ("draft", editor)

    def test_faults_are_shown_with_their_line(self, desk, weekly):
        response = desk.post(f"{ISSUES}add/", content(weekly, body="\n\n{nane}"))
        assert "Line 3: there is no placeholder {nane}" in response.text
        assert not Issue.objects.exists()

    def test_changes_a_draft(self, desk, weekly, draft, page):
        desk.post(f"{page}change/", content(weekly))
        draft.refresh_from_db()
        assert draft.subject == "A new one"

    def test_what_is_published_is_read_only(self, desk, weekly, draft, page):
        publish(draft)
        late = desk.post(f"{page}change/", content(weekly, body="My own words"))
        assert late.status_code == 409
        assert "My own words</textarea>" in late.text
        response = desk.get(f"{page}change/")
        assert 'name="body"' not in response.text
        assert desk.post(f"{page}delete/", {"post": "yes"}).status_code == 403
        draft.refresh_from_db()
        assert draft.subject == "The first issue"

    def test_who_saves_too_late_is_told(self, desk, weekly, draft, page, monkeypatch):
        from newsletters.admin.issue import IssueAdmin

        real = IssueAdmin.save_model

        def publish_first(self, request, obj, form, change):
            publish(Issue.objects.get(pk=obj.pk))
            real(self, request, obj, form, change)

        monkeypatch.setattr(IssueAdmin, "save_model", publish_first)
        response = desk.post(f"{page}change/", content(weekly), follow=True)
        assert "Your changes were not saved" in response.text
        draft.refresh_from_db()
        assert (draft.subject, draft.state) == ("The first issue", "sending")


class TestPreview:
    def test_shows_the_mail_in_a_frame_of_its_own(self, desk, page, subscribed):
        subscribed("ann@example.com", "Ann")
        response = desk.get(f"{page}preview/", {"reader": "ann@example.com"})
        assert f'src="{page}frame/?reader=ann%40example.com"' in response.text
        assert "sandbox" in response.text

    def test_the_frame_may_do_nothing(self, desk, page, subscribed):
        subscribed("ann@example.com", "Ann")
        frame = desk.get(f"{page}frame/", {"reader": "ann@example.com"})
        assert "Hello Ann," in frame.text
        policy = frame["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "sandbox" in policy
        assert "script-src" not in policy
        assert frame["X-Frame-Options"] == "SAMEORIGIN"

    @pytest.mark.parametrize(
        ("look", "shown"),
        [
            ("mobile", 'width="375"'),
            ("text", "Hello Ada Lovelace, read it on the web"),
            ("headers", "List-Unsubscribe-Post"),
            ("nonsense", 'width="640"'),
            ("dark", "look=dark"),
        ],
    )
    def test_looks(self, desk, page, look, shown):
        assert shown in desk.get(f"{page}preview/", {"look": look}).text

    def test_its_links_unsubscribe_nobody(self, desk, page, subscribed, client):
        subscribed("ann@example.com")
        frame = desk.get(f"{page}frame/", {"reader": "ann@example.com"}).text
        link = frame.partition("http://mailroom.test/newsletters/unsubscribe/")[2].partition('"')[0]
        assert client.post(f"/newsletters/unsubscribe/{link}").status_code == 404

    def test_stores_nothing(self, desk, page):
        from mailroom.models import Message

        desk.get(f"{page}preview/")
        assert not Message.objects.exists()

    def test_needs_permission(self, client, page, django_user_model):
        client.force_login(
            django_user_model.objects.create_user("clerk@example.com", None, is_staff=True)
        )
        for name in ("preview", "frame", "publish", "progress"):
            assert client.get(f"{page}{name}/").status_code == 403


@pytest.mark.usefixtures("outbox_mailers")
class TestPublishing:
    def test_says_how_many_people_and_which_mailer(self, desk, page, subscribed):
        subscribed("ann@example.com")
        subscribed("bob@example.com")
        subscribed("waiting@example.com", state="pending")
        response = desk.get(f"{page}publish/")
        assert "2 subscribers" in response.text
        assert "memory" in response.text

    def test_the_days_that_a_daily_cap_makes_of_it_are_shown(
        self, desk, page, subscribed, settings
    ):
        settings.MAILERS["newsletters"]["OPTIONS"]["daily_cap"] = 2
        for number in range(5):
            subscribed(f"r{number}@example.com")
        assert "over 3 days because of its daily limit" in desk.get(f"{page}publish/").text

    def test_a_get_publishes_nothing(self, desk, page, draft):
        desk.get(f"{page}publish/")
        draft.refresh_from_db()
        assert draft.is_draft

    def test_a_double_click_sends_once(self, desk, page, subscribed, drain):
        subscribed("ann@example.com")
        first = desk.post(f"{page}publish/", follow=True)
        second = desk.post(f"{page}publish/", follow=True)
        drain()
        assert "The emails are being sent" in first.text
        assert "nothing is sent twice" in second.text
        assert len(mail.outbox) == 1

    def test_writing_does_not_include_publishing(self, client, page, draft, django_user_model):
        writer = django_user_model.objects.create_user("writer@example.com", None, is_staff=True)
        writer.user_permissions.set(
            Permission.objects.filter(codename__in=["change_issue", "view_issue"])
        )
        client.force_login(writer)
        assert "Publish…" not in client.get(f"{page}change/").text
        assert client.post(f"{page}publish/").status_code == 403
        draft.refresh_from_db()
        assert draft.is_draft

    def test_faults_keep_it_a_draft(self, desk, page, draft):
        Issue.objects.filter(pk=draft.pk).update(body="[x](/relative)")
        response = desk.post(f"{page}publish/", follow=True)
        assert "is not an absolute link" in response.text
        draft.refresh_from_db()
        assert draft.is_draft

    def test_progress_is_shown(self, desk, page, draft, subscribed, drain):
        subscribed("ann@example.com")
        publish(draft)
        assert "0 of 1 done" in desk.get(f"{page}change/").text
        assert "every 2s" in desk.get(f"{page}progress/").text
        drain()
        over = desk.get(f"{page}progress/").text
        assert "1 of 1 done" in over
        assert "every 2s" not in over


class TestSubscriptions:
    def test_adding_by_hand_asks_the_person(self, desk, weekly, drain):
        fields = {"newsletter": weekly.pk, "email": "Ann@example.com", "name": "", "language": "en"}
        desk.post("/admin/newsletters/subscription/add/", fields)
        drain()
        assert Subscription.objects.get().is_pending
        assert [message.to for message in mail.outbox] == [["ann@example.com"]]

    def test_nobody_is_confirmed_by_hand(self, desk, subscribed):
        waiting = subscribed("ann@example.com", state="pending")
        url = f"/admin/newsletters/subscription/{waiting.pk}/change/"
        desk.post(url, {"name": "Ann", "language": "en", "state": "confirmed", "email": "x@y.z"})
        waiting.refresh_from_db()
        assert (waiting.name, waiting.email) == ("Ann", "ann@example.com")
        assert waiting.is_pending

    def test_unsubscribes_the_selected(self, desk, subscribed):
        ann = subscribed("ann@example.com")
        desk.post(
            "/admin/newsletters/subscription/",
            {"action": "unsubscribe", "_selected_action": [ann.pk]},
        )
        ann.refresh_from_db()
        assert ann.is_unsubscribed


def test_the_confirmation_of_who_waits_can_be_sent_again_and_of_nobody_else(
    admin_client, subscribed, drain
):
    now = timezone.now()
    waiting = subscribed("ann@example.com", state="pending", confirmation_sent_at=now)
    others = [subscribed(f"{one}@example.com", state=one) for one in ("confirmed", "unsubscribed")]

    page = admin_client.post(
        "/admin/newsletters/subscription/",
        {"action": "send_confirmation", "_selected_action": [waiting.pk, *(o.pk for o in others)]},
        follow=True,
    )

    drain()
    assert [str(one) for one in page.context["messages"]] == ["1 confirmation email queued."]
    assert [message.to for message in mail.outbox] == [["ann@example.com"]]
