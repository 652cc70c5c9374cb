"""What everybody may read: list, landing, web version, feed."""

import re
from xml.etree import ElementTree

import pytest
from django.utils import timezone

from newsletters.models import Issue

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def published(draft) -> Issue:
    draft.state, draft.published_at = Issue.State.SENT, timezone.now()
    draft.save()
    return draft


class TestPages:
    def test_the_list(self, client, weekly, monthly):
        page = client.get("/newsletters/")
        assert "Mailroom weekly" in page.text
        assert "Mailroom monthly" in page.text

    def test_an_empty_list_says_so(self, client, db):
        assert "There is no newsletter yet." in client.get("/newsletters/").text

    def test_the_landing_page_lists_what_came_out(self, client, published, monthly):
        assert "The first issue" in client.get("/newsletters/weekly/").text
        assert "No issues have been published yet." in client.get("/newsletters/monthly/").text

    @pytest.mark.parametrize("path", ["/newsletters/", "/newsletters/weekly/"])
    def test_what_editors_wrote_names_its_language(self, client, published, path):
        published.newsletter.language = "pa"
        published.newsletter.save()
        page = client.get(path, headers={"accept-language": "fr"}).text
        assert '<html lang="fr"' in page
        assert re.search(r'<h[12] lang="pa">.*Mailroom weekly', page)
        if path.endswith("weekly/"):
            assert re.search(r'<a lang="pa" [^>]*>The first issue', page)

    def test_the_web_version(self, client, published):
        page = client.get(published.get_absolute_url())
        assert "<h1>News</h1>" in page.text
        assert "Hello," in page.text
        assert 'href="http://mailroom.test/newsletters/weekly/first/"' in page.text
        assert "img-src 'self' data: https:" in page["Content-Security-Policy"]

    def test_drafts_are_not_public(self, client, draft):
        assert client.get(draft.get_absolute_url()).status_code == 404
        assert "The first issue" not in client.get("/newsletters/weekly/").text
        assert "The first issue" not in client.get("/newsletters/weekly/feed/").text

    def test_an_issue_is_found_below_its_own_newsletter_only(self, client, published, monthly):
        assert client.get("/newsletters/monthly/first/").status_code == 404

    @pytest.mark.parametrize("path", ["nothing/", "nothing/first/", "nothing/feed/", "weekly/x/"])
    def test_unknown_pages(self, client, weekly, path):
        assert client.get(f"/newsletters/{path}").status_code == 404

    def test_texts_of_editors_are_escaped(self, client, published):
        attack = "<script>alert(1)</script>"
        published.newsletter.name = published.newsletter.description = attack
        published.newsletter.save()
        published.subject = published.body = attack
        published.save()
        for path in ("", "weekly/", "weekly/first/", "weekly/feed/"):
            assert "<script>alert" not in client.get(f"/newsletters/{path}").text


class TestFeed:
    def test_is_atom_with_absolute_links(self, client, published):
        response = client.get("/newsletters/weekly/feed/", headers={"host": "testserver"})
        assert response["Content-Type"].startswith("application/atom+xml")
        feed = ElementTree.fromstring(response.content)
        assert feed.findtext(f"{ATOM}title") == "Mailroom weekly"
        entry = feed.find(f"{ATOM}entry")
        assert entry.findtext(f"{ATOM}title") == "The first issue"
        assert "<h1>News</h1>" in entry.findtext(f"{ATOM}summary")
        links = [link.get("href") for link in feed.iter(f"{ATOM}link")]
        assert all(link.startswith("http://mailroom.test/newsletters/") for link in links)
        assert "testserver" not in response.text

    def test_speaks_the_language_of_the_newsletter(self, client, weekly):
        weekly.language = "fr"
        weekly.save()
        feed = ElementTree.fromstring(client.get("/newsletters/weekly/feed/").content)
        assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == "fr"
