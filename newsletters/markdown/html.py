"""Markdown to HTML that is safe in a mail and on a page."""

from collections.abc import Mapping, Sequence
from typing import Any

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from newsletters.markdown.parser import OPTIONS, parse
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
SIDES = ("left", "center", "right")
SCHEMES = {"http", "https", "mailto", "tel"}


def render_html(body: str, values: Mapping[str, str]) -> SafeString:
    """The HTML of a text with the placeholders filled. Values are escaped unless marked safe."""
    written = _writer.render(parse(body), OPTIONS, {})
    clean = nh3.clean(written, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES)
    # nh3 has cleaned the text, and what is filled in is escaped.
    return mark_safe(fill_marks(clean, values, as_html))  # noqa: S308


class _Writer(RendererHTML):
    """Writes marks where the placeholders are, and leaves the tokens as they were."""

    def text(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return str(escapeHtml(mark(tokens[idx].content)))

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        image = tokens[idx]
        alt = mark(self.renderInlineAsText(image.children, options, env))
        attributes = {**image.attrs, "alt": alt}
        return str(self.renderToken([image.copy(attrs=attributes)], 0, options, env))

    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        link = tokens[idx]
        attributes = {**link.attrs, "href": mark_link(str(link.attrs["href"]))}
        return str(self.renderToken([link.copy(attrs=attributes)], 0, options, env))

    def td_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """Says alignment by attribute: a style attribute would not pass the page's own policy."""
        cell = tokens[idx]
        side = str(cell.attrs.get("style", "")).removeprefix("text-align:")
        return f'<{cell.tag} align="{side}">' if side in SIDES else f"<{cell.tag}>"

    th_open = td_open


_writer = _Writer()
