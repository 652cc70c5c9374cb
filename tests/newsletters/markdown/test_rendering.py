"""What an editor writes, as HTML and as text."""

import pytest
from django.core.exceptions import ValidationError

from newsletters.markdown import (
    fill,
    render_html,
    render_text,
    validate_body,
    validate_subject,
    visible_tags,
)

VALUES = {
    "name": "Ann <b>B</b>",
    "greeting": "Hello Ann,",
    "newsletter": "Weekly",
    "web_url": "https://news.example/web/?a=1&b=2",
    "unsubscribe_url": "https://news.example/out/",
    "preferences_url": "https://news.example/prefs/",
}


def html(body: str) -> str:
    return render_html(body, VALUES)


def text(body: str) -> str:
    return render_text(body, VALUES)


def faults(body: str) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        validate_body(body)
    return refused.value.messages


class TestHTML:
    def test_headings_lists_tables_and_code(self):
        page = html("# A\n\n- one\n- two\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n`x` ~~y~~")
        for part in ("<h1>A</h1>", "<li>one</li>", '<td align="right">2</td>', "<code>x</code>"):
            assert part in page
        assert "<s>y</s>" in page
        assert "style=" not in page

    def test_values_are_escaped(self):
        assert html("Hi {name}") == "<p>Hi Ann &lt;b&gt;B&lt;/b&gt;</p>\n"

    def test_a_link_to_a_placeholder(self):
        assert 'href="https://news.example/web/?a=1&amp;b=2"' in html("[x]({web_url})")

    def test_code_keeps_its_braces(self):
        page = html("`{name}`\n\n```\n{greeting} {% load x %}\n```")
        assert "{name}" in page
        assert "{greeting} {% load x %}" in page

    @pytest.mark.parametrize(
        "attack",
        [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "[x](  JaVaScRiPt:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:msgbox)",
            "![x](javascript:alert(1))",
            "![x](data:image/svg+xml;base64,PHN2Zz4=)",
            '[x](https://e.com "onmouseover=alert(1)")',
            '[x](https://e.com/"onmouseover="alert(1))',
            "<https://e.com/\"onclick='alert(1)'>",
            '![" onerror="alert(1)](https://e.com/a.png)',
            "<svg/onload=alert(1)>",
            "<style>@import 'https://evil.example'</style>",
            "```<script>\nalert(1)\n```",
            '~~~" onclick="alert(1)\nx\n~~~',
            "&lt;script&gt;alert(1)&lt;/script&gt;",
        ],
    )
    def test_nothing_that_runs_comes_through(self, attack):
        import html as escaping
        from html.parser import HTMLParser

        seen: list[tuple[str, dict]] = []

        class Reader(HTMLParser):
            def handle_starttag(self, tag, attrs):
                seen.append((tag, dict(attrs)))

        page = html(attack)
        Reader().feed(page)
        allowed = {"p", "a", "img", "pre", "code"}
        assert {tag for tag, _ in seen} <= allowed, page
        for _, attributes in seen:
            assert set(attributes) <= {"href", "src", "alt", "title", "rel", "width"}, page
            url = escaping.unescape(attributes.get("href") or attributes.get("src") or "https:")
            assert url.startswith("https:"), page


class TestLinks:
    @pytest.mark.parametrize(
        ("typed", "url"),
        [
            ("https://e.com/a?b=1", "https://e.com/a?b=1"),
            ("http://e.com.", "http://e.com"),
            ("(https://e.com/x)", "https://e.com/x"),
            ("www.e.com/x,", "https://www.e.com/x"),
            ("me@e.com", "mailto:me@e.com"),
            ("{web_url}", "https://news.example/web/?a=1&amp;b=2"),
            ("**{unsubscribe_url}**", "https://news.example/out/"),
        ],
    )
    def test_a_bare_address_becomes_a_link(self, typed, url):
        assert f'<a href="{url}"' in html(f"See {typed} there")

    @pytest.mark.parametrize("typed", ["readme.md", "1.2.3.4", "`https://e.com`", "e.com", "www."])
    def test_other_text_stays_text(self, typed):
        assert "<a" not in html(typed)

    def test_the_text_version_shows_a_bare_link_once(self):
        assert text("See https://e.com/ and {web_url}") == (
            f"See https://e.com/ and {VALUES['web_url']}"
        )

    def test_a_link_is_never_inside_another(self):
        assert html("[https://e.com {web_url}](https://f.com)").count("<a") == 1


class TestButtons:
    def test_a_link_alone_that_asks_for_it_is_a_table_cell(self):
        page = html('[Read *on*]({web_url} "button")')
        assert '<table role="presentation" class="call-to-action"' in page
        assert '<td class="button"><a href="https://news.example/web/?a=1&amp;b=2"' in page
        assert 'class="button-link"' in page
        assert "title=" not in page

    @pytest.mark.parametrize("body", ['a [b](https://e.com "button")', '[b](https://e.com "c")'])
    def test_other_links_are_links(self, body):
        assert "<table" not in html(body)

    def test_in_the_text_version_it_is_a_link(self):
        assert text('[Read on](https://e.com "button")') == "Read on (https://e.com)"


class TestPictures:
    @pytest.mark.parametrize(
        ("title", "width"),
        [("", 536), (' "width=200"', 200), (' "90"', 90), (' "9000"', 536), (' "A cat"', 536)],
    )
    def test_each_has_a_width(self, title, width):
        assert f'width="{width}"' in html(f"![A cat](https://e.com/c.png{title})")

    def test_a_known_one_is_no_wider_than_it_is(self):
        page = render_html("![x](https://e.com/c.png)", VALUES, {"https://e.com/c.png": 120})
        assert 'width="120"' in page


class TestVisibleTags:
    @pytest.mark.parametrize(
        ("body", "lines"),
        [
            ("fine\n\n<p>pasted</p>", [3, 3]),
            ('a\n<div\nclass="x">b', [2]),
            ("- one\n- <b>two", [2]),
            ("| a |\n|---|\n| <br> |", [3]),
            ("text\n\n    <td>indented</td>", [3, 3]),
            ("<!-- note -->", [1]),
            ("<!DOCTYPE html>", [1]),
            ("<o:p></o:p>", [1, 1]),
            ("> <span style='x'>", [1]),
        ],
    )
    def test_each_is_found_with_its_line(self, body, lines):
        assert [line for line, _tag in visible_tags(body)] == lines

    @pytest.mark.parametrize(
        "body",
        ["`<b>`", "```\n<p>\n```", "1 < 2 and 3 > 2", "<https://e.com> <me@e.com>", "a<b"],
    )
    def test_what_is_meant_is_left_alone(self, body):
        assert visible_tags(body) == []


class TestText:
    def test_a_link_shows_where_it_leads(self):
        assert text("See [the web]({web_url}).") == f"See the web ({VALUES['web_url']})."

    def test_a_bare_link_is_shown_once(self):
        assert text("<https://e.com/> <me@e.com>") == "https://e.com/ me@e.com"

    def test_nested_lists(self):
        assert text("- a\n- b\n  1. c\n  2. d") == "- a\n- b\n  1. c\n  2. d"

    def test_a_table_in_columns(self):
        body = "| Channel | Mails |\n|---|---|\n| registration | 12 |\n| newsletters | 2 |"
        assert text(body).splitlines() == [
            "Channel       Mails",
            "------------  -----",
            "registration  12",
            "newsletters   2",
        ]

    def test_a_wide_table_row_by_row(self):
        body = f"| Name | Story |\n|---|---|\n| Ann | {'word ' * 20}|"
        assert text(body) == f"Name: Ann\nStory: {('word ' * 20).strip()}"

    def test_headings_quotes_code_and_images(self):
        body = "# Top\n\n## Second\n\n> said\n\n```\nx = {}\n```\n\n![A cat](https://e.com/c.png)"
        assert text(body).split("\n\n") == [
            "Top\n===",
            "Second\n------",
            "> said",
            "    x = {}",
            "[A cat]",
        ]

    def test_nothing_is_escaped(self):
        assert text("Tom & {name} < *x*") == "Tom & Ann <b>B</b> < _x_"


class TestFaults:
    def test_an_unknown_placeholder_is_named_with_its_line(self):
        (fault,) = faults("fine\n\nalso {name}\nbut {nane}")
        assert fault.startswith("Line 4: there is no placeholder {nane}")
        assert "{name}" in fault

    def test_a_relative_link_and_image(self):
        first, second = faults("[x](/about)\n\n![y](cat.png)")
        assert first.startswith("Line 1: /about is not an absolute link")
        assert second.startswith("Line 3: cat.png is not an absolute link")

    def test_a_name_can_not_be_a_link(self):
        assert "{name} is not a link" in faults("[x]({name})")[0]

    def test_a_name_can_not_be_part_of_a_link(self):
        assert "must be the whole link" in faults("[x](https://e.com/?who={name})")[0]

    def test_all_faults_are_told_at_once(self):
        assert len(faults("{a}\n\n| x |\n|---|\n| {b} |\n\n- {c}\n\n[d](#d)")) == 4

    @pytest.mark.parametrize("body", ["{{ name }}", "{{name}}", "{% load x %}", "`{nane}`", "{ }"])
    def test_template_language_and_code_stay_literal(self, body):
        validate_body(body)
        assert body.strip("`") in html(body)

    def test_a_subject_takes_names_only(self):
        validate_subject("{name}, hello")
        with pytest.raises(ValidationError):
            validate_subject("{unsubscribe_url}")
        assert fill("{name}, {x}", {"name": "Ann"}) == "Ann, {x}"
