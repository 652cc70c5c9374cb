"""From staff to everybody: written, looked at, sent once."""

from functools import partial

import pytest
from django.contrib.auth.models import Permission
from django.core import mail

from mailroom.models import Message as MailMessage
from mailroom.models import Suppression
from notifications.announcements import send, tell_everybody
from notifications.models import Announcement, Notification
from tests.at_once import at_once

PAGES = "/admin/notifications/announcement/"
FORM = {"title": "X", "body": "x", "audience": "everybody", "language": ""}


@pytest.fixture
def page(draft) -> str:
    return f"{PAGES}{draft.pk}/"


@pytest.fixture
def desk(client, person):
    """The client of an administrator who gets announcements too."""
    boss = person("boss@example.com", is_staff=True, is_superuser=True)
    client.force_login(boss)
    return client


def to() -> list[str]:
    return sorted(message.to[0] for message in mail.outbox)


class TestWriting:
    def test_makes_a_draft_with_its_author_and_tells_nobody(self, desk, ann, drain):
        desk.post(f"{PAGES}add/", FORM | {"title": "News"})
        row = Announcement.objects.get()
        assert (row.state, str(row.author)) == ("draft", "boss@example.com")
        drain()
        assert mail.outbox == []

    @pytest.mark.parametrize("title", ["A\u2028Bcc: x@example.com", "A\x0bB", "A\ue000name\ue001"])
    def test_a_title_is_one_line(self, desk, title):
        response = desk.post(f"{PAGES}add/", FORM | {"title": title})
        assert "one line of ordinary text" in response.text

    def test_marks_for_personal_values_are_refused(self, desk):
        response = desk.post(f"{PAGES}add/", FORM | {"body": "Hi \ue000name\ue001"})
        assert "Control characters" in response.text

    def test_a_draft_can_be_changed_and_deleted(self, desk, page):
        desk.post(f"{page}change/", FORM | {"title": "Better"})
        assert Announcement.objects.get().title == "Better"
        desk.post(f"{page}delete/", {"post": "yes"})
        assert not Announcement.objects.exists()

    def test_what_is_sent_cannot(self, desk, draft, page):
        send(draft)
        assert desk.post(f"{page}change/", FORM).status_code == 403
        assert desk.post(f"{page}delete/", {"post": "yes"}).status_code == 403
        selected = {"action": "delete_selected", "_selected_action": draft.pk, "post": "yes"}
        desk.post(PAGES, selected)
        assert Announcement.objects.get().title == "We moved"

    def test_who_saves_too_late_is_told(self, desk, page, monkeypatch):
        from notifications.admin import AnnouncementAdmin

        real = AnnouncementAdmin.save_model

        def send_first(self, request, obj, form, change):
            send(Announcement.objects.get(pk=obj.pk))
            real(self, request, obj, form, change)

        monkeypatch.setattr(AnnouncementAdmin, "save_model", send_first)
        response = desk.post(f"{page}change/", FORM, follow=True)
        assert "Your changes were not saved" in response.text
        row = Announcement.objects.get()
        assert (row.title, row.state) == ("We moved", "sending")


class TestSending:
    def test_asks_first_with_numbers(self, desk, ann, page, drain):
        response = desk.get(f"{page}send/")
        assert "2 people" in response.text
        assert "To a <strong>new</strong> house." in response.text
        drain()
        assert Announcement.objects.get().state == "draft"
        assert mail.outbox == []

    def test_tells_everybody_here_and_by_mail(self, desk, ann, bob, page, drain):
        response = desk.post(f"{page}send/", follow=True)
        assert "The announcement is being sent" in response.text
        drain()
        assert Announcement.objects.get().state == "sent"
        assert to() == ["ann@example.com", "bob@example.com", "boss@example.com"]
        assert Notification.objects.count() == 3
        assert "3 of 3 people notified" in desk.get(f"{page}change/").text

    def test_pressed_twice_sends_once(self, desk, ann, page, drain):
        desk.post(f"{page}send/")
        assert "already sent" in desk.post(f"{page}send/", follow=True).text
        drain()
        desk.post(f"{page}send/")
        drain()
        assert to() == ["ann@example.com", "boss@example.com"]

    def test_is_not_asked_again_when_sent(self, desk, page, draft):
        send(draft)
        assert desk.get(f"{page}send/").url == f"{page}change/"

    def test_a_task_that_runs_twice_tells_once(self, ann, draft, drain):
        send(draft)
        tell_everybody.call(draft.pk)
        Announcement.objects.update(state=Announcement.State.SENDING)  # it died at its end
        drain()
        assert to() == ["ann@example.com"]
        assert Announcement.objects.get().state == "sent"

    def test_needs_the_permission(self, client, person, page):
        writer = person("writer@example.com", is_staff=True)
        writer.user_permissions.set(
            Permission.objects.filter(content_type__app_label="notifications").exclude(
                codename="send_announcement"
            )
        )
        client.force_login(writer)
        assert client.get(f"{page}send/").status_code == 403
        assert client.post(f"{page}send/").status_code == 403
        assert "Send…" not in client.get(f"{page}change/").text
        assert Announcement.objects.get().state == "draft"

    def test_readers_and_strangers_cannot(self, client, ann, page):
        assert client.post(f"{page}send/").status_code == 302
        client.force_login(ann)
        assert client.post(f"{page}send/").status_code == 302
        assert Announcement.objects.get().state == "draft"


@pytest.mark.django_db(transaction=True)
def test_two_who_press_at_once_send_once(ann, draft, drain):
    results = at_once(*(partial(send, Announcement.objects.get()) for _ in range(2)))

    assert sorted(results) == [False, True]
    drain()
    assert to() == ["ann@example.com"]


class TestAudience:
    def test_is_who_is_active_and_confirmed(self, ann, person, draft, drain):
        person("off@example.com", is_active=False)
        person("new@example.com", verified=False)
        send(draft)
        drain()
        assert to() == ["ann@example.com"]
        assert Notification.objects.count() == 1

    @pytest.mark.parametrize("language", ["en", "fr", "pa"])
    def test_is_written_to_in_its_language(self, person, draft, drain, language):
        person("p@example.com", language=language)
        send(draft)
        drain()
        assert f'<html lang="{language}"' in mail.outbox[0].alternatives[0].content

    def test_suppressed_addresses_are_skipped(self, ann, bob, draft, drain):
        Suppression.objects.create(address="bob@example.com", reason="complaint")
        send(draft)
        drain()
        assert to() == ["ann@example.com"]


HOSTILE = """\
<script>alert(1)</script> <img src=x onerror=alert(1)>

[click](javascript:alert(1)) [data](data:text/html,x) ![x](https://spy.example/p.gif)

[ours](/newsletters/) [theirs](https://example.org/) <https://example.net/>

{% now "Y" %} {{ settings.SECRET_KEY }} {name}
"""


class TestHostileText:
    @pytest.fixture
    def sent(self, ann, draft, drain) -> Announcement:
        draft.body, draft.title = HOSTILE, '<b>"Tom" & Jerry</b>'
        draft.save()
        send(draft)
        drain()
        return draft

    def test_is_harmless_in_the_mail(self, sent):
        (message,) = mail.outbox
        html = message.alternatives[0].content
        assert message.subject == '<b>"Tom" & Jerry</b>'
        assert "<b>" not in html
        for attack in ("<script", "<img", "javascript:alert", "data:text", "spy.example"):
            assert f'"{attack}' not in html
            assert not attack.startswith("<") or attack not in html
        assert "{{ settings.SECRET_KEY }}" in html.replace("&#x27;", "'")

    def test_is_harmless_on_its_page(self, inside, sent):
        page = inside.get(f"/notifications/announcements/{sent.pk}/").text
        content = page.partition("<main")[2]
        for attack in ("<script>alert", "<img", 'href="javascript:', 'href="data:', "spy.example"):
            assert attack not in content

    def test_keeps_honest_links_and_makes_ours_absolute(self, sent):
        html = mail.outbox[0].alternatives[0].content
        for link in ("http://mailroom.test/newsletters/", "https://example.org/"):
            assert f'href="{link}"' in html

    def test_a_draft_is_nobodys_to_read(self, inside, draft):
        assert inside.get(f"/notifications/announcements/{draft.pk}/").status_code == 404


class TestChosenAudience:
    def test_staff_alone(self, client, ann, person, draft, drain):
        person("boss@example.com", is_staff=True)
        draft.audience = "staff"
        draft.save()
        send(draft)
        drain()
        assert to() == ["boss@example.com"]
        client.force_login(ann)
        assert client.get(draft.get_absolute_url()).status_code == 404

    def test_readers_of_one_language(self, ann, person, draft, drain):
        person("fr@example.com", language="fr")
        draft.language = "fr"
        draft.save()
        send(draft)
        drain()
        assert to() == ["fr@example.com"]

    def test_a_preview_sends_and_stores_nothing(self, desk, ann, draft, page, drain):
        shown = desk.get(f"{page}preview/", {"language": "fr"})
        assert "List-Unsubscribe" in shown.text
        frame = desk.get(f"{page}frame/", {"language": "fr"})
        assert 'lang="fr"' in frame.text
        drain()
        assert mail.outbox == []
        assert not MailMessage.objects.exists()
