"""Announcements are written in Markdown: HTML that is safe for mails and pages."""

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

TAGS = {"a", "blockquote", "br", "code", "em", "h2", "h3", "li", "ol", "p", "pre", "strong", "ul"}


def render_html(text: str) -> SafeString:
    """Raw HTML in the text stays text; what is left is reduced to a few harmless tags."""
    raw = MarkdownIt("commonmark", {"html": False}).render(text)
    clean = nh3.clean(raw, tags=TAGS, attributes={"a": {"href", "title"}})
    return mark_safe(clean)  # noqa: S308  (nh3 has cleaned it)
