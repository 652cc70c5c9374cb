"""What an editor, or who took over an editor's account, types to attack readers or colleagues."""

import html
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from django.utils import timezone

from newsletters import feeds
from newsletters.models import Issue
from tests.harmless import what_runs

PAYLOADS = (Path(__file__).parents[2] / "data" / "xss.txt").read_text("utf-8").splitlines()
ISSUES = "/admin/newsletters/issue/"
# A fence takes in all that follows: the last ones of the text.
BODY = "\n\n".join(sorted(PAYLOADS, key=lambda one: one.startswith(("```", "~~~"))))
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def attacked(weekly, subscribed, monkeypatch) -> Issue:
    """A newsletter whose every field is an attack, stored past all validation."""
    monkeypatch.setattr(feeds, "FEED_ENTRIES", len(PAYLOADS) + 1)
    weekly.name = weekly.description = PAYLOADS[0]
    weekly.save()
    now = timezone.now()
    Issue.objects.bulk_create(
        Issue(
            newsletter=weekly,
            subject=attack,
            slug=f"attack-{number}",
            preheader=attack,
            body=attack,
            text=attack,
            state=Issue.State.SENT,
            published_at=now,
        )
        for number, attack in enumerate(PAYLOADS)
    )
    for number, attack in enumerate(PAYLOADS):
        subscribed(f"reader{number}@example.com", attack[:100])
    return Issue.objects.create(
        newsletter=weekly, subject=PAYLOADS[7], slug="all", preheader=PAYLOADS[7], body=BODY
    )


def test_there_are_more_than_a_hundred():
    assert len(set(PAYLOADS)) > 100


class TestPages:
    def test_lists_and_the_landing_page(self, desk, attacked):
        pages = ["/newsletters/", "/newsletters/weekly/", f"{ISSUES}?all="]
        pages += ["/admin/newsletters/subscription/?all=", "/admin/newsletters/newsletter/"]
        for page in pages:
            answer = desk.get(page)
            assert "alert(1)" in answer.text, f"{page} shows none of it"
            assert what_runs(answer.text) == [], page
            assert "script-src 'self' 'nonce-" in answer["Content-Security-Policy"]

    def test_the_pages_of_the_draft(self, desk, attacked):
        for page in ("change/", "publish/", "preview/?look=text", "preview/?look=headers"):
            assert what_runs(desk.get(f"{ISSUES}{attacked.pk}/{page}").text) == [], page

    def test_the_frame_for_a_reader_with_such_a_name(self, desk, attacked):
        for number in (0, 18, 21, 30):
            reader = {"reader": f"reader{number}@example.com"}
            answer = desk.get(f"{ISSUES}{attacked.pk}/frame/", reader)
            assert what_runs(answer.text) == []
            assert "sandbox" in answer["Content-Security-Policy"]

    def test_the_web_version(self, client, attacked):
        Issue.objects.filter(pk=attacked.pk).update(state="sent", published_at=timezone.now())
        answer = client.get("/newsletters/weekly/all/")
        assert html.escape("<script>alert(1)</script>") in answer.text
        assert what_runs(answer.text) == []

    def test_the_feed(self, client, attacked):
        answer = client.get("/newsletters/weekly/feed/")
        entries = ET.fromstring(answer.content).findall(f"{ATOM}entry")
        assert len(entries) == len(PAYLOADS)
        for entry in entries:
            assert what_runs(entry.find(f"{ATOM}summary").text or "") == []


class TestTyping:
    @pytest.mark.parametrize("look", ["desktop", "text", "headers"])
    def test_each_of_them_beside_the_text(self, desk, weekly, look):
        for attack in PAYLOADS[:: 1 if look == "desktop" else 9]:
            fields = dict.fromkeys(("subject", "preheader", "body", "text"), attack)
            fields |= {"newsletter": weekly.pk, "slug": "x", "look": look}
            answer = desk.post(f"{ISSUES}draft/frame/", fields)
            assert what_runs(answer.text) == [], attack
            assert "sandbox" in answer["Content-Security-Policy"]

    def test_the_list_of_what_to_mend(self, desk, weekly):
        fields = {"newsletter": weekly.pk, "subject": PAYLOADS[0], "slug": "x", "body": BODY}
        assert what_runs(desk.post(f"{ISSUES}draft/checks/", fields).text) == []
        assert what_runs(desk.post(f"{ISSUES}add/", fields).text) == []


class TestOddInputs:
    """What no form of ours sends is answered, never an error of the server."""

    ODD = ("\0", "\u2028", "99999999999999999999999", "'; DROP", "//evil.example", "a\r\nBcc: b@c")

    @pytest.mark.parametrize("odd", ODD)
    def test_in_addresses(self, desk, draft, odd):
        own = f"{ISSUES}{draft.pk}/"
        pages = [own + name for name in ("preview/", "frame/", "report/", "recipients/")]
        pages += [f"{ISSUES}draft/session/", "/admin/newsletters/subscription/export/"]
        for page in pages:
            for name in ("reader", "look", "show", "search", "after", "format", "nothing"):
                assert desk.get(page, {name: odd}).status_code < 500, (page, name)

    @pytest.mark.parametrize("odd", ODD)
    def test_in_the_draft(self, desk, draft, odd):
        fields = {"newsletter": draft.newsletter_id, "subject": "S", "body": "Hi", "tab": "t"}
        names = ("newsletter", "subject", "web_title", "slug", "joined_from", "for_language")
        for name in (*names, "seen_version", "issue", "tab", "look", "reader"):
            for page in ("frame", "checks", "save", "picture"):
                answer = desk.post(f"{ISSUES}draft/{page}/", {**fields, name: odd})
                assert answer.status_code < 500, (page, name)
