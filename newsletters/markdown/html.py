"""Markdown to HTML that is safe in a mail and on a page."""

from collections.abc import Mapping

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it.token import Token

from newsletters.markdown.parser import parse, write_html
from newsletters.markdown.placeholders import as_html, fill_marks, mark, mark_link

BLOCKS = {"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul"}
TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
TAGS = BLOCKS | TABLES | {"a", "br", "code", "em", "img", "s", "strong"}
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"alt", "src", "title"},
    "ol": {"start"},
    "td": {"align"},
    "th": {"align"},
}
SCHEMES = {"http", "https", "mailto", "tel"}


def render_html(body: str, values: Mapping[str, str]) -> SafeString:
    """The HTML of a text with the placeholders filled. Values are escaped unless marked safe."""
    tokens = parse(body)
    for token in tokens:
        _prepare(token)
        for child in token.children or []:
            _prepare(child)
    clean = nh3.clean(write_html(tokens), tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES)
    # nh3 has cleaned the text, and what is filled in is escaped.
    return mark_safe(fill_marks(clean, values, as_html))  # noqa: S308


def _prepare(token: Token) -> None:
    if token.type == "text":
        token.content = mark(token.content)
    elif token.type == "link_open":
        token.attrs["href"] = mark_link(str(token.attrs["href"]))
    elif token.type == "image":
        for child in token.children or []:
            _prepare(child)
    elif token.type in ("td_open", "th_open"):
        _align(token)


def _align(token: Token) -> None:
    """Say alignment by attribute: a style attribute would not pass the page's own policy."""
    style = str(token.attrs.pop("style", ""))
    if style.startswith("text-align:"):
        token.attrs["align"] = style.removeprefix("text-align:")
