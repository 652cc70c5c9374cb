"""The base of all emails: readable as text, as HTML, and without any style."""

from copy import deepcopy
from pathlib import Path

import css_inline
import pytest
from django.template import Context, Engine

from mailroom.messages.templated import BlockRenderer

CONTEXT = {
    "name": "Tom & <Ana>",
    "url": "https://mailroom.test/a/?b=1&c=2",
    "site_name": "Mailroom",
    "public_url": "https://mailroom.test",
    "language": "fr",
}


@pytest.fixture
def blocks(settings) -> BlockRenderer:
    templates = deepcopy(settings.TEMPLATES)
    templates[0]["DIRS"].append(Path(__file__).parent / "templates")
    settings.TEMPLATES = templates
    return BlockRenderer("emails/example.html", CONTEXT)


def test_the_text_is_plain_and_ends_with_who_and_why(blocks):
    text = blocks.block("text_layout", autoescape=False)

    assert text == (
        "Dear Tom & <Ana>,\n\ncome to https://mailroom.test/a/?b=1&c=2\n\n-- \n"
        "You get this because Tom & <Ana> asked.\nMailroom: https://mailroom.test/"
    )


def test_the_html_escapes_each_value_once(blocks):
    html = blocks.block("html_layout")

    assert "<p>Dear Tom &amp; &lt;Ana&gt;,</p>" in html
    assert "because Tom &amp; &lt;Ana&gt; asked." in html
    assert "<title>Hello Tom &amp; &lt;Ana&gt;</title>" in html
    assert '<html lang="fr" dir="ltr">' in html
    assert "What it is about</div>" in html


def test_the_button_also_shows_its_address(blocks):
    html = blocks.block("html_layout")

    assert html.count('href="https://mailroom.test/a/?b=1&amp;c=2"') == 2
    assert ">https://mailroom.test/a/?b=1&amp;c=2</a>" in html


def test_it_loads_nothing_from_anywhere(blocks):
    html = blocks.block("html_layout")

    for loading in ("<img", "src=", "<link", "url(", "@import", "<script"):
        assert loading not in html


def test_styles_are_inlined_and_the_dark_scheme_is_kept(blocks):
    html = css_inline.CSSInliner(keep_style_tags=True).inline(blocks.block("html_layout"))

    button = html.partition('class="button-link"')[2].partition(">")[0]
    assert "background-color: #1f3a6e" in button
    assert "prefers-color-scheme: dark" in html


def test_repeating_a_block_that_is_not_there_is_a_fault():
    libraries = {"blocks": "mailroom.templatetags.blocks"}
    template = Engine(libraries=libraries).from_string(
        "{% load blocks %}{% block a %}{% repeat_block 'b' %}{% endblock %}"
    )
    with pytest.raises(KeyError, match="no block 'b'"):
        template.render(Context())
