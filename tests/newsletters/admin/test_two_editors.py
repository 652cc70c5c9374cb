"""Two editors have the same draft open: neither undoes the other's work, and no text is lost."""

import re

import pytest

from newsletters.models import Issue
from newsletters.sending.publish import publish

ISSUES = "/admin/newsletters/issue/"


@pytest.fixture
def page(draft) -> str:
    return f"{ISSUES}{draft.pk}/"


@pytest.fixture
def desk(desk, editor):
    editor.name = "Ed Itor"
    editor.save()
    return desk


@pytest.fixture
def other(client_of, django_user_model):
    return client_of(django_user_model.objects.create_superuser("o@example.com", name="Otto Other"))


@pytest.fixture
def client_of():
    from django.test import Client

    def make(user):
        client = Client()
        client.force_login(user)
        return client

    return make


def opened(client, page) -> dict[str, str]:
    """What the form holds when it is opened."""
    form = client.get(f"{page}change/").context["adminform"].form
    return {name: str(form.initial.get(name) or "") for name in form.fields}


def save(client, page, form, **changes):
    return client.post(f"{page}change/", {**form, **changes}, follow=True)


def stored() -> Issue:
    return Issue.objects.get()


class TestSaving:
    def test_the_second_is_asked_and_sees_both(self, desk, other, page):
        mine, theirs = opened(desk, page), opened(other, page)
        save(other, page, theirs, body="What Otto wrote.", subject="By Otto")

        answer = save(desk, page, mine, body="What Ed wrote.")

        assert stored().body == "What Otto wrote."
        assert "Otto Other saved this draft after you had opened it" in answer.text
        assert "What Ed wrote.</textarea>" in answer.text
        assert "-What Otto wrote." in answer.text
        assert "+What Ed wrote." in answer.text
        assert "-By Otto" in answer.text

    def test_saving_once_more_replaces_it(self, desk, other, page):
        mine, theirs = opened(desk, page), opened(other, page)
        save(other, page, theirs, body="What Otto wrote.")
        answer = save(desk, page, mine, body="What Ed wrote.")
        seen = re.search(r'name="seen_version" value="(\d+)"', answer.text)[1]

        save(desk, page, mine, body="Both.", seen_version=seen)

        assert stored().body == "Both."

    def test_a_third_who_saves_in_between_is_seen_too(self, desk, other, page):
        mine, theirs = opened(desk, page), opened(other, page)
        save(other, page, theirs, body="First.")
        answer = save(desk, page, mine, body="Mine.")
        seen = re.search(r'name="seen_version" value="(\d+)"', answer.text)[1]
        save(other, page, opened(other, page), body="Second.")

        again = save(desk, page, mine, body="Mine.", seen_version=seen)

        assert stored().body == "Second."
        assert "-Second." in again.text

    def test_one_editor_saves_as_often_as_they_like(self, desk, page):
        for text in ("One.", "Two.", "Three."):
            save(desk, page, opened(desk, page), body=text)
        assert stored().body == "Three."
        assert [entry.step for entry in stored().history.all()] == ["saved"]

    def test_what_was_published_meanwhile_gives_the_text_back(self, desk, page, draft):
        mine = opened(desk, page)
        publish(draft)

        answer = save(desk, page, mine, body="Written for nothing? <b>")

        assert answer.status_code == 409
        assert "Written for nothing? &lt;b&gt;</textarea>" in answer.text
        typed = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text))
        typed |= {"body": "Written for nothing?", "_continue": "1"}
        desk.post(f"{ISSUES}add/", {k: v for k, v in typed.items() if k != "csrfmiddlewaretoken"})
        assert Issue.objects.drafts().get().body == "Written for nothing?"


class TestHistory:
    def test_says_who_did_what(self, desk, other, page, draft, subscribed):
        subscribed("ann@example.com")
        save(desk, page, opened(desk, page), body="One.")
        other.post(f"{page}test/", {"addresses": "me@example.com"})
        desk.post(f"{page}publish/")
        other.post(f"{page}pause/")
        desk.post(f"{page}resume/")
        desk.post(f"{page}cancel/")
        desk.post(f"{page}duplicate/")

        entries = list(draft.history.order_by("pk").values_list("who", "step"))
        assert entries == [
            ("Ed Itor", "saved"),
            ("Otto Other", "tested"),
            ("Ed Itor", "published"),
            ("Otto Other", "paused"),
            ("Ed Itor", "resumed"),
            ("Ed Itor", "cancelled"),
            ("Ed Itor", "duplicated"),
        ]
        shown = desk.get(f"{page}change/").text
        assert "<strong>Otto Other</strong> paused it" in shown
        assert "sent a test: me@example.com" in shown

    def test_outlives_the_person(self, desk, other, page, draft, django_user_model):
        other.post(f"{page}test/", {"addresses": "me@example.com"})
        django_user_model.objects.get(email="o@example.com").delete()
        assert "<strong>Otto Other</strong> sent a test" in desk.get(f"{page}change/").text

    def test_djangos_own_page_leads_to_it(self, desk, page):
        assert desk.get(f"{page}history/").url == f"{page}change/#history"
