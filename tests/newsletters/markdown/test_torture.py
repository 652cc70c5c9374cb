"""A text with all of Markdown in it, as a mail without its style sheet and as plain text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mailroom.messages.preview import html_of
from newsletters.composing.preview import preview
from newsletters.markdown import KNOWN, render_text, validate_body
from newsletters.models import Issue

DATA = Path(__file__).parents[2] / "data"
BODY = (DATA / "torture.md").read_text("utf-8")
STYLED = ("h1", "h2", "h3", "p", "li", "blockquote", "pre", "code", "th", "td", "a", "img", "hr")
VOID = {"br", "hr", "img", "meta"}


class Reader(HTMLParser):
    """Tags with their attributes, and whether each is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def without_style(html: str) -> str:
    return re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)


@pytest.fixture
def page(weekly) -> str:
    issue = Issue(newsletter=weekly, subject="Torture", slug="torture", body=BODY)
    return without_style(html_of(preview(issue, "Ann", "ann@example.com")))


def test_it_is_valid():
    validate_body(BODY)


def test_the_mail_is_well_formed_and_styled_tag_by_tag(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    for name in STYLED:
        bare = [attributes for tag, attributes in reader.tags if tag == name]
        assert bare, f"there is no <{name}>"
        assert all(attributes.get("style") for attributes in bare), f"a <{name}> has no style"


def test_nothing_in_it_is_wider_than_the_mail(page):
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 3
    assert all("max-width: 100%" in image for image in images)
    assert "white-space: pre-wrap" in re.search(r"<pre[^>]*>", page)[0]
    assert "overflow-wrap: anywhere" in page


def test_raw_html_is_shown_as_it_was_typed(page):
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert 'position:fixed"&gt;A box' in page or "position:fixed&quot;&gt;A box" in page


def test_all_of_commonmark_is_there(page):
    for part in ("<em", "<strong", "<s>", "<br", '<ol start="3"', "tel:+4420", "mailto:mail@"):
        assert part in page
    assert page.count("<table") - page.count('role="presentation"') >= 2
    assert 'align="center"' in page


def test_the_text_is_one_that_a_person_would_read():
    values = {name: f"<{name}>" for name in KNOWN}
    told = render_text(BODY, values) + "\n"
    assert told == (DATA / "torture.txt").read_text("utf-8")
