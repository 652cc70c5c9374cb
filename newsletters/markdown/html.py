"""Markdown to HTML that is safe in a mail and on a page."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from newsletters.markdown.parser import OPTIONS, parse_markdown
from newsletters.markdown.placeholders import LINK_IN_TEXT, as_html, fill_marks, mark, mark_link

BLOCKS = {"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul"}
TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
ISSUE_TAGS = BLOCKS | TABLES | {"a", "br", "code", "em", "img", "s", "strong"}
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"alt", "src", "title", "width"},
    "ol": {"start"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"align"},
    "th": {"align"},
}
CLASSES = {"a": {"button-link"}, "table": {"call-to-action"}, "td": {"button"}}
ROLE = {"table": {"role": {"presentation"}}}
# Pixels that a picture may take in the column of an email. Outlook knows no max-width.
COLUMN = 536
BUTTON = "button"  # a link with this title, alone in its paragraph, is drawn as a button
_WIDTH = re.compile(r"(?:width=)?(\d{1,4})(?:px)?")
SIDES = ("left", "center", "right")
LINK_SCHEMES = {"http", "https", "mailto", "tel"}


def render_html(
    body: str, values: Mapping[str, str], widths: Mapping[str, int] | None = None
) -> SafeString:
    """Render a text with the placeholders filled. Values are escaped unless marked safe.

    widths: in pixels, of the pictures that are known, by address. The others take the column,
    unless their title says how wide they are ("width=200").
    """
    written = _writer.render(parse_markdown(body), OPTIONS, {"widths": widths or {}})
    clean = nh3.clean(
        written,
        tags=ISSUE_TAGS,
        attributes=ATTRIBUTES,
        tag_attribute_values=ROLE,
        allowed_classes=CLASSES,
        url_schemes=LINK_SCHEMES,
    )
    # nh3 has cleaned the text, and what is filled in is escaped.
    return mark_safe(fill_marks(clean, values, as_html))  # noqa: S308


class _Writer(RendererHTML):
    """Writes marks where the placeholders are, and leaves the tokens as they were."""

    def text(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        marked = str(escapeHtml(mark(tokens[idx].content)))
        if not LINK_IN_TEXT.search(marked) or _is_in_link(tokens, idx):
            return marked
        return LINK_IN_TEXT.sub(_as_link, marked)

    def paragraph_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        if not _is_button(tokens[idx + 1].children or []):
            return str(self.renderToken(tokens, idx, options, env))
        table = '<table role="presentation" class="call-to-action" border="0" cellpadding="0"'
        return f'{table} cellspacing="0"><tr><td class="button">'

    def paragraph_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        if not _is_button(tokens[idx - 1].children or []):
            return str(self.renderToken(tokens, idx, options, env))
        return "</td></tr></table>\n"

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        image = tokens[idx]
        alt = mark(self.renderInlineAsText(image.children, options, env))
        attributes = {**image.attrs, "alt": alt, "width": COLUMN}
        source, title = str(image.attrs["src"]), str(image.attrs.get("title", ""))
        if given := _WIDTH.fullmatch(title):
            attributes["width"] = max(1, min(COLUMN, int(given[1])))
            del attributes["title"]
        elif source in env["widths"]:
            attributes["width"] = min(COLUMN, env["widths"][source])
        return str(self.renderToken([image.copy(attrs=attributes)], 0, options, env))

    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        link = tokens[idx]
        attributes = {**link.attrs, "href": mark_link(str(link.attrs["href"]))}
        if attributes.get("title") == BUTTON:
            del attributes["title"]
            if _is_button(tokens):
                attributes["class"] = "button-link"
        return str(self.renderToken([link.copy(attrs=attributes)], 0, options, env))

    def td_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """Says alignment by attribute: a style attribute would not pass the page's own policy."""
        cell = tokens[idx]
        side = str(cell.attrs.get("style", "")).removeprefix("text-align:")
        return f'<{cell.tag} align="{side}">' if side in SIDES else f"<{cell.tag}>"

    th_open = td_open


def _is_button(parts: Sequence[Token]) -> bool:
    """Whether a paragraph is a single link that asks to be a button."""
    if len(parts) < 3 or parts[0].type != "link_open" or parts[-1].type != "link_close":
        return False
    is_single = sum(part.type == "link_open" for part in parts) == 1
    return is_single and parts[0].attrs.get("title") == BUTTON


def _is_in_link(tokens: Sequence[Token], idx: int) -> bool:
    """Whether a token stands inside a link: there it can't become another."""
    return sum(token.nesting for token in tokens[:idx] if token.tag == "a") > 0


def _as_link(found: re.Match[str]) -> str:
    return f'<a href="{mark_link(f"{{{found[1]}}}")}">{found[0]}</a>'


_writer = _Writer()
